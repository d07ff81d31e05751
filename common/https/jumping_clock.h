// For tests: a clock that is at the end of every wait at once, and remembers how long each was.
#pragma once

#include <mutex>
#include <vector>

#include "common/clock/clock.h"

namespace aziot::https {

class JumpingClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::FromUnixSeconds(1700000000) + Steady(); }
  absl::Duration Steady() const override {
    std::lock_guard lock(mutex_);
    return steady_;
  }
  void WaitUntil(std::condition_variable&, std::unique_lock<std::mutex>&, absl::Duration until) override {
    std::lock_guard lock(mutex_);
    waits_.push_back(until - steady_);
    steady_ = until;
  }
  std::vector<absl::Duration> waits() const {
    std::lock_guard lock(mutex_);
    return waits_;
  }

 private:
  mutable std::mutex mutex_;
  absl::Duration steady_ = absl::ZeroDuration();
  std::vector<absl::Duration> waits_;
};

}  // namespace aziot::https
