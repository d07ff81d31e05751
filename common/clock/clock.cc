#include "common/clock/clock.h"

#include <chrono>

#include "absl/time/clock.h"

namespace aziot {
namespace {

class SystemClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::Now(); }
  absl::Duration Steady() const override {
    return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
  }
  void WaitUntil(std::condition_variable& wake, std::unique_lock<std::mutex>& lock,
                 absl::Duration until) override {
    if (until == absl::InfiniteDuration()) {
      wake.wait(lock);
      return;
    }
    const absl::Duration rest = until - Steady();
    if (rest > absl::ZeroDuration())
      wake.wait_for(lock, absl::ToChronoNanoseconds(std::min(rest, absl::Hours(24))));
  }
};

}  // namespace

Clock& Clock::System() {
  static SystemClock clock;
  return clock;
}

}  // namespace aziot
