// Time as something passed in, so that tests own it: wall-clock time for what others read (token expiry,
// certificates) and a steady one for waiting, which clock steps do not touch.
#pragma once

#include <condition_variable>
#include <mutex>

#include "absl/time/time.h"

namespace aziot {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() const = 0;
  // Time since an arbitrary start; never goes back.
  virtual absl::Duration Steady() const = 0;
  // Waits on `wake` until it is notified or Steady() reaches `until` (absl::InfiniteDuration(): no limit).
  // May return early, as condition variables do.
  virtual void WaitUntil(std::condition_variable& wake, std::unique_lock<std::mutex>& lock,
                         absl::Duration until) = 0;

  // The system's clocks; lives for the whole process.
  static Clock& System();
};

}  // namespace aziot
