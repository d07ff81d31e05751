// The state machine, with its source, its modules and its time in the test's hands.
#include "identityd/device/lifecycle.h"

#include <gtest/gtest.h>

#include <atomic>
#include <deque>

#include "common/https/answer_headers.h"
#include "common/testing/manual_clock.h"
#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"
#include "identityd/attestation/failure.h"

namespace aziot::identityd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;

const DeviceIdentity kDevice{
    .hub_name = "hub.example",
    .gateway_host = "hub.example",
    .device_id = "dev1",
    .credential = {.kind = Credential::Kind::kSas, .key_id = "device-id", .cert_id = ""}};
const DeviceIdentity kMoved{.hub_name = "hub2.example",
                            .gateway_host = "hub2.example",
                            .device_id = "dev1",
                            .credential = kDevice.credential};

absl::Status DpsAway() { return Blame(Party::kDps, Reason::kNetwork, absl::UnavailableError("dps is away")); }
absl::Status HubFailure(Reason reason) {
  return Blame(Party::kHub, reason, absl::UnknownError("hub says no"));
}

// A source whose answers the test gives; without one it waits.
class FakeSource final : public ProvisioningSource {
 public:
  FakeSource(std::string fingerprint, bool backup) : fingerprint_(std::move(fingerprint)), backup_(backup) {}

  bool uses_backup() const override { return backup_; }
  std::string fingerprint() const override { return fingerprint_; }
  Credential credential() const override { return kDevice.credential; }
  absl::StatusOr<Assignment> Provision() override {
    ++calls;
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [&] { return cancelled_ || !answers_.empty(); });
    if (cancelled_) return absl::CancelledError("given up");
    absl::StatusOr<DeviceIdentity> answer = std::move(answers_.front());
    if (answers_.size() > 1 || !repeat_) answers_.pop_front();
    if (!answer.ok()) return answer.status();
    return Assignment{.device = *answer, .trust_bundle = "", .payload = "", .substatus = ""};
  }
  void Cancel() override {
    std::lock_guard lock(mutex_);
    cancelled_ = true;
    wake_.notify_all();
  }
  void Answer(absl::StatusOr<DeviceIdentity> answer, bool repeat = true) {
    std::lock_guard lock(mutex_);
    answers_.clear();
    answers_.push_back(std::move(answer));
    repeat_ = repeat;
    wake_.notify_all();
  }

  std::atomic<int> calls = 0;

 private:
  const std::string fingerprint_;
  const bool backup_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<absl::StatusOr<DeviceIdentity>> answers_;
  bool repeat_ = true;
  bool cancelled_ = false;
};

class NoSource final : public ProvisioningSource {
 public:
  bool has_hub() const override { return false; }
  std::string fingerprint() const override { return "none"; }
  Credential credential() const override { return {}; }
  absl::StatusOr<Assignment> Provision() override { return absl::InternalError("never asked"); }
};

class LifecycleTest : public ::testing::Test {
 protected:
  LifecycleTest() { EXPECT_THAT(store_.Open(), IsOk()); }

  void Start(std::shared_ptr<ProvisioningSource> source, std::set<std::string> previous = {}) {
    lifecycle_ = std::make_unique<Lifecycle>(
        Lifecycle::Settings{.source = std::move(source), .modules = {"m1"}, .text = "saved settings"},
        std::move(previous),
        Lifecycle::Steps{.adopt = [](const DeviceIdentity&) {},
                         .reconcile = [this](const Lifecycle::ModulePass& pass) { return Reconcile(pass); }},
        store_, changes_, clock_);
    lifecycle_->Start();
  }
  absl::Status Reconcile(const Lifecycle::ModulePass& pass) {
    std::lock_guard lock(mutex_);
    passes_.push_back({pass.device, pass.previous, pass.verify_keys});
    if (results_.empty()) return absl::OkStatus();
    absl::Status status = results_.front();
    results_.pop_front();
    return status;
  }
  struct Pass {
    DeviceIdentity device;
    std::set<std::string> previous;
    bool verify_keys;
  };
  std::vector<Pass> passes() {
    std::lock_guard lock(mutex_);
    return passes_;
  }
  template <class Condition>
  static bool Eventually(Condition condition) {
    for (int i = 0; i < 1000 && !condition(); ++i) absl::SleepFor(absl::Milliseconds(10));
    return condition();
  }
  bool Settled() {
    return Eventually([&] { return lifecycle_->Look().reconciliation == "done"; });
  }

  const testing::TempDir dir_;
  DeviceStore store_{dir_.path()};
  IdentityChanges changes_;
  testing::ManualClock clock_;
  std::mutex mutex_;
  std::deque<absl::Status> results_;
  std::vector<Pass> passes_;
  std::shared_ptr<FakeSource> dps_ = std::make_shared<FakeSource>("dps a", true);
  std::unique_ptr<Lifecycle> lifecycle_;
};

TEST_F(LifecycleTest, AFirstStartAsksTheSourceAndSavesTheDevice) {
  dps_->Answer(kDevice);
  Start(dps_);
  const auto device = lifecycle_->Await();
  ASSERT_THAT(device, IsOk());
  EXPECT_EQ(**device, kDevice);
  ASSERT_TRUE(Settled());
  EXPECT_TRUE(Eventually([&] { return lifecycle_->Ready().ok(); }));
  EXPECT_TRUE(store_.Load()->Fits("dps a"));
  EXPECT_EQ(store_.LoadSettings(), "saved settings");
}

TEST_F(LifecycleTest, ASavedDeviceStandsInForTheSource) {
  ASSERT_THAT(store_.Save(kDevice, "dps a", {}), IsOk());
  results_ = {HubFailure(Reason::kNetwork)};
  Start(dps_, {"m1"});
  ASSERT_THAT(lifecycle_->Await(), IsOk());
  EXPECT_TRUE(Eventually([&] { return lifecycle_->Look().reconciliation == "failed"; }));
  EXPECT_EQ(dps_->calls, 0);
  EXPECT_THAT(passes()[0].previous, ElementsAre("m1"));
  EXPECT_THAT(lifecycle_->Look().last_error.value_or(""), HasSubstr("hub says no"));
  ASSERT_TRUE(Eventually([&] { return lifecycle_->Look().next_attempt.has_value(); }));
  clock_.Advance(absl::Minutes(1));  // and the pass is made again
  EXPECT_TRUE(Settled());
}

TEST_F(LifecycleTest, ChangedSettingsAskTheSourceAgain) {
  ASSERT_THAT(store_.Save(kDevice, "dps of before", {}), IsOk());
  dps_->Answer(kMoved);
  Start(dps_, {"m1"});
  ASSERT_TRUE(Settled());
  EXPECT_EQ(*lifecycle_->Device(), kMoved);
  // Nothing is known of what the new device's hub holds.
  EXPECT_TRUE(passes()[0].previous.empty());
}

TEST_F(LifecycleTest, ADeadCloudAtStartIsAnsweredAndTriedAgain) {
  dps_->Answer(DpsAway());
  Start(dps_);
  const auto failed = lifecycle_->Await();
  EXPECT_EQ(PartyOf(failed.status()), Party::kDps);
  EXPECT_FALSE(lifecycle_->Ready().ok());
  EXPECT_EQ(lifecycle_->Look().provisioning, "unprovisioned");
  EXPECT_TRUE(lifecycle_->Look().next_attempt.has_value());
  dps_->Answer(kDevice);
  clock_.Advance(absl::Seconds(7));
  EXPECT_TRUE(Settled());
  EXPECT_EQ(dps_->calls, 2);
}

TEST_F(LifecycleTest, TheNextAttemptIsNotBeforeTheCloudWantsIt) {
  dps_->Answer(https::WithRetryAfter(DpsAway(), absl::Minutes(7)));
  Start(dps_);
  EXPECT_FALSE(lifecycle_->Await().ok());
  const absl::Time start = clock_.Now();
  EXPECT_GE(lifecycle_->Look().next_attempt.value_or(start), start + absl::Minutes(7));
  dps_->Answer(kDevice);
  clock_.Advance(absl::Minutes(6));
  EXPECT_EQ(dps_->calls, 1);
  clock_.Advance(absl::Minutes(1));
  EXPECT_TRUE(Settled());
}

TEST_F(LifecycleTest, AStepOfTheClockBringsNoAttemptForward) {
  for (const absl::Duration step : {absl::Hours(24), -absl::Hours(24), absl::Hours(87'660)}) {
    const testing::TempDir dir;
    DeviceStore store(dir.path());
    ASSERT_THAT(store.Open(), IsOk());
    auto dps = std::make_shared<FakeSource>("dps a", true);
    dps->Answer(DpsAway());
    Lifecycle lifecycle({.source = dps, .modules = {}, .text = ""}, {},
                        {.adopt = [](const DeviceIdentity&) {},
                         .reconcile = [](const Lifecycle::ModulePass&) { return absl::OkStatus(); }},
                        store, changes_, clock_);
    lifecycle.Start();
    EXPECT_FALSE(lifecycle.Await().ok());
    clock_.Step(step);
    absl::SleepFor(absl::Milliseconds(150));
    EXPECT_EQ(dps->calls, 1);
    const absl::Duration until = lifecycle.Look().next_attempt.value_or(clock_.Now()) - clock_.Now();
    EXPECT_GE(until, absl::Seconds(3)) << "told in the time that is now";
    EXPECT_LE(until, absl::Seconds(7));
    dps->Answer(kDevice);
    clock_.Advance(absl::Seconds(7));
    EXPECT_TRUE(Eventually([&] { return lifecycle.Look().reconciliation == "done"; }));
    EXPECT_EQ(dps->calls, 2);
    EXPECT_TRUE(store.Load()->device.SameDevice(kDevice));
  }
}

TEST_F(LifecycleTest, CallersWaitWhileAnAttemptIsRunning) {
  Start(dps_);
  std::atomic<bool> answered = false;
  std::thread caller([&] {
    EXPECT_THAT(lifecycle_->Await(), IsOk());
    answered = true;
  });
  EXPECT_TRUE(Eventually([&] { return dps_->calls == 1; }));
  EXPECT_FALSE(answered);
  dps_->Answer(kDevice);
  caller.join();
}

TEST_F(LifecycleTest, AFailedAttemptLeavesTheOldDevice) {
  dps_->Answer(kDevice);
  Start(dps_);
  ASSERT_TRUE(Settled());
  dps_->Answer(DpsAway());
  EXPECT_EQ(PartyOf(lifecycle_->Reprovision()), Party::kDps);
  EXPECT_EQ(*lifecycle_->Device(), kDevice);
  EXPECT_TRUE(store_.Load()->device.SameDevice(kDevice));
  EXPECT_THAT(lifecycle_->Await(), IsOk());
  EXPECT_THAT(lifecycle_->Ready(), IsOk());
}

TEST_F(LifecycleTest, ReprovisioningMovesTheDeviceAndVerifiesKeys) {
  dps_->Answer(kDevice);
  Start(dps_);
  ASSERT_TRUE(Settled());
  dps_->Answer(kMoved);
  EXPECT_THAT(lifecycle_->Reprovision(), IsOk());
  EXPECT_EQ(*lifecycle_->Device(), kMoved);
  EXPECT_TRUE(passes().back().verify_keys);
}

TEST_F(LifecycleTest, CallsDuringAnAttemptShareItsResult) {
  dps_->Answer(kDevice, /*repeat=*/false);
  Start(dps_);
  ASSERT_TRUE(Settled());
  std::vector<std::thread> callers;
  std::atomic<int> begun = 0, ended = 0;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&] {
      ++begun;
      EXPECT_THAT(lifecycle_->Reprovision(), IsOk());
      ++ended;
    });
  }
  EXPECT_TRUE(Eventually([&] { return begun == 8 && dps_->calls == 2; }));
  absl::SleepFor(absl::Milliseconds(200));
  dps_->Answer(kMoved);
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(ended, 8);
  // One that came late may have asked for a second one; eight would be a storm.
  EXPECT_LE(dps_->calls, 3);
}

TEST_F(LifecycleTest, CallsWithoutADeviceJoinTheNextAttempt) {
  dps_->Answer(DpsAway());
  Start(dps_);
  ASSERT_FALSE(lifecycle_->Await().ok());
  std::thread caller([&] { EXPECT_THAT(lifecycle_->Reprovision(), IsOk()); });
  absl::SleepFor(absl::Milliseconds(50));
  EXPECT_EQ(dps_->calls, 1);
  dps_->Answer(kDevice);
  clock_.Advance(absl::Seconds(30));
  caller.join();
  EXPECT_LE(dps_->calls, 3);  // a caller that came late asks once more
}

TEST_F(LifecycleTest, AHubThatRefusesTheDeviceCallsForOneProvisioning) {
  ASSERT_THAT(store_.Save(kDevice, "dps a", {}), IsOk());
  results_ = {HubFailure(Reason::kUnauthorized)};
  dps_->Answer(kMoved);
  Start(dps_);
  ASSERT_TRUE(Settled());
  EXPECT_EQ(dps_->calls, 1);
  EXPECT_EQ(*lifecycle_->Device(), kMoved);
}

TEST_F(LifecycleTest, AHubFailureOfAnApiCallIsItsAnswer) {
  dps_->Answer(kDevice);
  Start(dps_);
  ASSERT_TRUE(Settled());
  {
    std::lock_guard lock(mutex_);
    results_ = {HubFailure(Reason::kNetwork)};
  }
  EXPECT_EQ(PartyOf(lifecycle_->Reprovision()), Party::kHub);
  EXPECT_THAT(lifecycle_->Await(), IsOk());
}

TEST_F(LifecycleTest, AReloadReconcilesWithTheDeviceThatIsThere) {
  dps_->Answer(kDevice);
  Start(dps_);
  ASSERT_TRUE(Settled());
  lifecycle_->Reload(
      {.source = std::make_shared<FakeSource>("dps a", true), .modules = {"m1", "m2"}, .text = "new"});
  ASSERT_TRUE(Eventually([&] { return store_.LoadSettings() == "new"; }));
  EXPECT_THAT(passes().back().previous, ElementsAre("m1"));
  EXPECT_EQ(dps_->calls, 1);
}

TEST_F(LifecycleTest, AReloadWithOtherProvisioningKeepsTheDeviceUntilThereIsANewOne) {
  dps_->Answer(kDevice);
  Start(dps_);
  ASSERT_TRUE(Settled());
  auto other = std::make_shared<FakeSource>("dps b", true);
  lifecycle_->Reload({.source = other, .modules = {"m1"}, .text = "new"});
  ASSERT_TRUE(Eventually([&] { return other->calls == 1; }));
  EXPECT_EQ(*lifecycle_->Device(), kDevice);
  other->Answer(kMoved);
  EXPECT_TRUE(Eventually([&] { return *lifecycle_->Device() == kMoved; }));
}

TEST_F(LifecycleTest, ACallWhoseAttemptAReloadGaveUpGetsTheResultOfTheNext) {
  dps_->Answer(kDevice, /*repeat=*/false);
  Start(dps_);
  ASSERT_TRUE(Settled());
  std::thread caller([&] { EXPECT_THAT(lifecycle_->Reprovision(), IsOk()); });
  EXPECT_TRUE(Eventually([&] { return dps_->calls == 2; }));
  auto other = std::make_shared<FakeSource>("dps b", true);
  other->Answer(kMoved);
  lifecycle_->Reload({.source = other, .modules = {"m1"}, .text = "new"});
  caller.join();
  EXPECT_EQ(*lifecycle_->Device(), kMoved);
  EXPECT_EQ(other->calls, 1);
}

TEST_F(LifecycleTest, SettingsOfNoKnownDeviceAreNotTakenForThisOnes) {
  ASSERT_THAT(store_.SaveSettings("of whom?"), IsOk());
  results_ = {HubFailure(Reason::kNetwork)};
  dps_->Answer(kDevice);
  Start(dps_, {"m1"});
  EXPECT_TRUE(Eventually([&] { return lifecycle_->Look().reconciliation == "failed"; }));
  EXPECT_TRUE(passes()[0].previous.empty());
  EXPECT_EQ(store_.LoadSettings(), std::nullopt);
}

TEST_F(LifecycleTest, StopEndsAnAttemptOfSettingsThatWereReplaced) {
  Start(dps_);
  EXPECT_TRUE(Eventually([&] { return dps_->calls == 1; }));
  lifecycle_->Reload({.source = std::make_shared<FakeSource>("dps a", true), .modules = {}, .text = "new"});
  lifecycle_->Stop();
}

TEST_F(LifecycleTest, WithoutAHubThereIsNothingToWaitFor) {
  Start(std::make_shared<NoSource>());
  EXPECT_THAT(lifecycle_->Await(),
              StatusIs(absl::StatusCode::kFailedPrecondition, "device identity not found"));
  EXPECT_TRUE(Eventually([&] { return lifecycle_->Ready().ok(); }));
  EXPECT_THAT(lifecycle_->Reprovision(), IsOk());
  EXPECT_EQ(lifecycle_->Look().provisioning, "none");
}

TEST_F(LifecycleTest, StopLetsWaitingCallersGo) {
  Start(dps_);
  std::thread caller([&] { EXPECT_FALSE(lifecycle_->Await().ok()); });
  std::thread other([&] { EXPECT_FALSE(lifecycle_->Reprovision().ok()); });
  EXPECT_TRUE(Eventually([&] { return dps_->calls == 1; }));
  lifecycle_->Stop();
  caller.join();
  other.join();
}

}  // namespace
}  // namespace aziot::identityd
