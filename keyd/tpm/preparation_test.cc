#include "keyd/tpm/preparation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <thread>

#include "common/testing/manual_clock.h"
#include "common/testing/status_matchers.h"
#include "common/testing/swtpm.h"

namespace aziot::keyd::tpm {
namespace {

using testing::IsOk;
using testing::StatusIs;

constexpr TPM2_HANDLE kAuthKey = 0x81000100;

std::unique_ptr<Tpm> Open(const testing::Swtpm& swtpm) {
  TpmOptions options;
  options.tcti = swtpm.tcti();
  return Tpm::New(std::move(options));
}

// Lets the preparation try again until `condition` holds; the limit only ends a test that has failed.
template <class Condition>
bool Eventually(testing::ManualClock& clock, Condition condition) {
  for (int i = 0; i < 3000; ++i) {
    if (condition()) return true;
    clock.Advance(absl::Seconds(1));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return false;
}

TEST(Preparation, FindsATpmThatComesLate) {
  testing::Swtpm swtpm;
  swtpm.Kill();
  const std::unique_ptr<Tpm> tpm = Open(swtpm);
  Attestation attestation(*tpm, kAuthKey);
  testing::ManualClock clock;
  const Preparation preparation(attestation, clock);
  ASSERT_TRUE(Eventually(
      clock, [&] { return attestation.Ready().message().find(swtpm.tcti()) != absl::string_view::npos; }));
  EXPECT_THAT(attestation.Ready(), StatusIs(absl::StatusCode::kUnavailable));
  swtpm.Start();
  EXPECT_TRUE(Eventually(clock, [&] { return attestation.Ready().ok(); }));
}

TEST(Preparation, ACommandThatIsNotAnsweredIsNotWaitedFor) {
  testing::Swtpm swtpm;
  std::promise<void> asked;
  std::promise<void> answer;
  TpmOptions options;
  options.tcti = swtpm.tcti();
  options.open = [&](const std::string& resolved) {
    asked.set_value();
    answer.get_future().wait();
    return OpenTcti(resolved);
  };
  const std::unique_ptr<Tpm> tpm = Tpm::New(std::move(options));
  Attestation attestation(*tpm, kAuthKey);
  Preparation preparation(attestation);
  asked.get_future().wait();
  EXPECT_FALSE(preparation.EndWithin(absl::Milliseconds(50)));
  answer.set_value();
  EXPECT_TRUE(preparation.EndWithin(absl::Seconds(60)));
  EXPECT_THAT(attestation.Ready(), IsOk());
}

TEST(Preparation, EndsWhileItWaits) {
  testing::Swtpm swtpm;
  swtpm.Kill();
  const std::unique_ptr<Tpm> tpm = Open(swtpm);
  Attestation attestation(*tpm, kAuthKey);
  testing::ManualClock clock;
  { const Preparation preparation(attestation, clock); }
  EXPECT_FALSE(attestation.Ready().ok());
}

}  // namespace
}  // namespace aziot::keyd::tpm
