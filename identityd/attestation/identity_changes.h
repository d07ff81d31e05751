// A number that rises whenever an identity that callers see may have changed. Made before everything that
// changes identities and everything that watches them, so that neither knows the other.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "absl/time/time.h"
#include "common/clock/clock.h"

namespace aziot::identityd {

class IdentityChanges {
 public:
  void Note() {
    {
      std::lock_guard lock(mutex_);
      ++number_;
    }
    changed_.notify_all();
  }

  // Waits until the number is not `seen` any more, or `clock` is at `until`, and returns it; returns at once,
  // for good, after Close.
  uint64_t WaitPast(uint64_t seen, Clock& clock, absl::Duration until = absl::InfiniteDuration()) {
    std::unique_lock lock(mutex_);
    while (!closed_ && number_ == seen && clock.Steady() < until) clock.WaitUntil(changed_, lock, until);
    return number_;
  }

  void Close() {
    {
      std::lock_guard lock(mutex_);
      closed_ = true;
    }
    changed_.notify_all();
  }
  bool closed() const {
    std::lock_guard lock(mutex_);
    return closed_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t number_ = 0;
  bool closed_ = false;
};

}  // namespace aziot::identityd
