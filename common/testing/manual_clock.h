// A clock that stands still until a test moves it.
#pragma once

#include <mutex>
#include <vector>

#include "common/clock/clock.h"

namespace aziot::testing {

class ManualClock final : public Clock {
 public:
  explicit ManualClock(absl::Time start = absl::FromUnixSeconds(1700000000)) : now_(start) {}

  absl::Time Now() const override {
    std::lock_guard lock(mutex_);
    return now_;
  }
  absl::Duration Steady() const override {
    std::lock_guard lock(mutex_);
    return steady_;
  }
  void WaitUntil(std::condition_variable& wake, std::unique_lock<std::mutex>& lock,
                 absl::Duration until) override {
    {
      std::lock_guard own(mutex_);
      if (steady_ >= until) return;
      waiters_.push_back(&wake);
    }
    wake.wait_for(lock, std::chrono::milliseconds(50));
    std::lock_guard own(mutex_);
    std::erase(waiters_, &wake);
  }

  void Advance(absl::Duration by) {
    std::lock_guard lock(mutex_);
    now_ += by;
    steady_ += by;
    for (std::condition_variable* waiter : waiters_) waiter->notify_all();
  }
  // A step of the wall clock alone, as NTP makes it.
  void Step(absl::Duration by) {
    std::lock_guard lock(mutex_);
    now_ += by;
  }

 private:
  mutable std::mutex mutex_;
  absl::Time now_;
  absl::Duration steady_ = absl::ZeroDuration();
  std::vector<std::condition_variable*> waiters_;
};

}  // namespace aziot::testing
