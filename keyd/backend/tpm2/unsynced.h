// Directories whose names a power loss may still take back: a change of them is under way, or could not be
// synced.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"

namespace aziot::keyd::tpm2 {

// Thread-safe.
class Unsynced {
 public:
  // Runs `change`, which names or unnames something in `directory`. kDataLoss from it says that it did so,
  // and that the sync failed.
  absl::Status During(const std::string& directory, absl::FunctionRef<absl::Status()> change);

  // To be called after the look at `directory` that an answer rests on: syncs it when need be.
  absl::Status Settle(const std::string& directory);

  bool Any() const { return any_.load(std::memory_order_acquire); }

 private:
  struct Entry {
    int changing = 0;
    bool failed = false;
  };

  std::mutex mutex_;
  std::map<std::string, Entry> entries_;
  std::atomic<bool> any_ = false;
};

}  // namespace aziot::keyd::tpm2
