#include "common/clock/clock.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "absl/time/clock.h"
#include "common/testing/manual_clock.h"

namespace aziot {
namespace {

TEST(SystemClock, AgreesWithTheSystemAndNeverGoesBack) {
  Clock& clock = Clock::System();
  EXPECT_LT(absl::AbsDuration(clock.Now() - absl::Now()), absl::Minutes(1));
  const absl::Duration steady = clock.Steady();
  EXPECT_GE(clock.Steady(), steady);
}

TEST(SystemClock, WaitsUntilTheTimeComes) {
  Clock& clock = Clock::System();
  std::mutex mutex;
  std::condition_variable wake;
  std::unique_lock lock(mutex);
  const absl::Duration until = clock.Steady() + absl::Milliseconds(20);
  while (clock.Steady() < until) clock.WaitUntil(wake, lock, until);
  EXPECT_TRUE(lock.owns_lock());
  clock.WaitUntil(wake, lock, clock.Steady() - absl::Hours(1));
}

TEST(SystemClock, ANotificationEndsAWaitWithoutLimit) {
  std::mutex mutex;
  std::condition_variable wake;
  bool told = false;
  std::thread waiter([&] {
    std::unique_lock lock(mutex);
    while (!told) Clock::System().WaitUntil(wake, lock, absl::InfiniteDuration());
  });
  {
    std::lock_guard lock(mutex);
    told = true;
  }
  wake.notify_one();
  waiter.join();
}

TEST(ManualClock, StandsStillUntilItIsMoved) {
  testing::ManualClock clock(absl::FromUnixSeconds(100));
  EXPECT_EQ(clock.Now(), absl::FromUnixSeconds(100));
  EXPECT_EQ(clock.Steady(), absl::ZeroDuration());
  clock.Advance(absl::Hours(1));
  EXPECT_EQ(clock.Now(), absl::FromUnixSeconds(3700));
  EXPECT_EQ(clock.Steady(), absl::Hours(1));
  clock.Step(-absl::Hours(2));
  EXPECT_EQ(clock.Now(), absl::FromUnixSeconds(100 - 3600));
  EXPECT_EQ(clock.Steady(), absl::Hours(1));
}

TEST(ManualClock, MovingItEndsAWait) {
  testing::ManualClock clock;
  std::mutex mutex;
  std::condition_variable wake;
  std::atomic<bool> done = false;
  std::thread waiter([&] {
    std::unique_lock lock(mutex);
    while (clock.Steady() < absl::Hours(1)) clock.WaitUntil(wake, lock, absl::Hours(1));
    done = true;
  });
  clock.Advance(absl::Minutes(59));
  EXPECT_FALSE(done);
  clock.Advance(absl::Minutes(1));
  waiter.join();
  EXPECT_TRUE(done);
}

}  // namespace
}  // namespace aziot
