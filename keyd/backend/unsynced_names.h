// Names that a power loss may still take back: those whose change is under way, or whose directory could not
// be synced after it. Nothing is told about such a file before its directory has been synced.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"

namespace aziot::keyd {

// The part of an absolute path before its last slash; "/" for a file in the root.
std::string ParentOf(const std::string& path);

// Thread-safe. The lock is never held across a file.
class UnsyncedNames {
 public:
  // Runs `change`, which makes `paths` name something else or nothing; kDataLoss from it says that it did so,
  // and that the sync failed.
  absl::Status During(std::span<const std::string> paths, absl::FunctionRef<absl::Status()> change);

  // To be called after the look at `path` that an answer rests on. OK when what was seen is safe; syncs the
  // directory first when need be.
  absl::Status Settle(const std::string& path);

  // Whether Settle may have to sync.
  bool Any() const { return any_.load(std::memory_order_acquire); }

 private:
  struct Entry {
    int changing = 0;
    uint64_t failed = 0;  // when a sync failed last, as counted by failures_; 0: none has to be made up for
  };
  using Entries = std::map<std::string, Entry>;

  Entries::iterator EraseWhenSafe(Entries::iterator entry);

  std::mutex mutex_;
  Entries entries_;
  uint64_t failures_ = 0;
  std::atomic<bool> any_ = false;
};

}  // namespace aziot::keyd
