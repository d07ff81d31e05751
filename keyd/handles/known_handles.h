// Handles that were checked not long ago. Kept by their hash: no handle can be read out of it, and which of
// them are known cannot be felt out byte by byte.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "keyd/handles/handle.h"

namespace aziot::keyd {

// Thread-safe. Holds the 2,048 to 4,096 that were added last.
class KnownHandles {
 public:
  using Clock = std::chrono::steady_clock;

  // As long as a handle counts as known after it was checked.
  explicit KnownHandles(Clock::duration lifetime = std::chrono::minutes(1)) : lifetime_(lifetime) {}

  void Add(absl::string_view handle, const Handle& names);
  std::optional<Handle> Find(absl::string_view handle) const;

 private:
  using Hash = std::array<uint8_t, 32>;
  struct Entry {
    Handle names;
    Clock::time_point until;
  };
  using Generation = absl::flat_hash_map<Hash, Entry>;

  const Clock::duration lifetime_;
  std::atomic<bool> any_ = false;  // so that nobody waits for the lock where nothing is ever added
  mutable std::mutex mutex_;
  Generation young_;
  Generation old_;
};

}  // namespace aziot::keyd
