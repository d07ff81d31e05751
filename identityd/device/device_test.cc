#include <gtest/gtest.h>

#include <atomic>
#include <deque>

#include "common/files/files.h"
#include "common/testing/manual_clock.h"
#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"
#include "identityd/attestation/failure.h"
#include "identityd/attestation/testing/fake_key_service.h"
#include "identityd/device/device_info.h"
#include "identityd/device/device_key.h"
#include "identityd/device/lifecycle.h"

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

TEST(DeviceInfoTest, ReadsUpstreamsText) {
  const auto device = ParseDeviceInfo(
      "# saved\nhub_name = \"h\\u0061.example\"\nlocal_gateway_hostname = 'p'\nother = \"x\"\ndevice_id = "
      "\"d\\\"1\"\n");
  ASSERT_THAT(device, IsOk());
  EXPECT_EQ(device->hub_name, "ha.example");
  EXPECT_EQ(device->gateway_host, "p");
  EXPECT_EQ(device->device_id, "d\"1");
  const auto again = ParseDeviceInfo(FormatDeviceInfo(*device));
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(*again, *device);
}

TEST(DeviceInfoTest, RefusesDamage) {
  for (const char* text :
       {"", "hub_name = \"h\"", "hub_name = \"h\nlocal", "hub_name = 1\n", "hub_name = \"a\"b\""}) {
    EXPECT_THAT(ParseDeviceInfo(text), StatusIs(absl::StatusCode::kInvalidArgument)) << text;
  }
}

TEST(DeviceStoreTest, TheFingerprintBelongsToItsDevice) {
  const testing::TempDir dir;
  DeviceStore store(dir.Join("home"));
  ASSERT_THAT(store.Open(), IsOk());
  EXPECT_FALSE(store.Load());
  ASSERT_THAT(store.Save(kDevice, "dps a", "pem"), IsOk());
  ASSERT_TRUE(store.Load());
  EXPECT_TRUE(store.Load()->device.SameDevice(kDevice));
  EXPECT_TRUE(store.Load()->Fits("dps a"));
  EXPECT_FALSE(store.Load()->Fits("dps b"));
  EXPECT_EQ(store.LoadTrustBundle(), "pem");
  // As upstream rewrites it after a rollback.
  ASSERT_THAT(files::Replace(dir.Join("home/device_info"), FormatDeviceInfo(kMoved), 0600), IsOk());
  EXPECT_TRUE(store.Load()->Fits("dps b"));
  ASSERT_THAT(files::Replace(dir.Join("home/device_info"), "unprovisioned", 0600), IsOk());
  EXPECT_FALSE(store.Load());
  ASSERT_THAT(files::Replace(dir.Join("home/device_info"), "{", 0600), IsOk());
  EXPECT_FALSE(store.Load());
}

TEST(BackoffTest, DoublesUpToTenMinutes) {
  Backoff backoff;
  EXPECT_EQ(backoff.Next(0.5), absl::Seconds(5));
  EXPECT_EQ(backoff.Next(0.5), absl::Seconds(10));
  EXPECT_EQ(backoff.Next(0), absl::Seconds(16));
  for (int i = 0; i < 20; ++i) EXPECT_LE(backoff.Next(1), absl::Minutes(10));
  EXPECT_EQ(backoff.Next(0.5), absl::Minutes(10));
  backoff.Reset();
  EXPECT_EQ(backoff.Next(0.5), absl::Seconds(5));
}

class DeviceKeyTest : public ::testing::Test {
 protected:
  DeviceKeyTest() { keyd_.Put("device-id", FakeKeyService::CountingKey()); }
  // Whether keyd has been asked behind an answer.
  bool AskedAgain() {
    const int calls = keyd_.calls();
    clock_.Advance(absl::Minutes(2));
    EXPECT_NE(key_.Known(kDevice), "");
    for (int i = 0; i < 1000 && keyd_.calls() == calls; ++i) absl::SleepFor(absl::Milliseconds(10));
    return keyd_.calls() > calls;
  }

  FakeKeyService keyd_;
  testing::ManualClock clock_;
  DeviceKey key_{keyd_, clock_};
};

TEST_F(DeviceKeyTest, StaysKnownWhileKeydIsAway) {
  ASSERT_THAT(key_.Handle(kDevice), IsOk());
  const int calls = keyd_.calls();
  EXPECT_NE(key_.Known(kDevice), "");
  EXPECT_EQ(keyd_.calls(), calls);
  keyd_.set_away(true);
  EXPECT_TRUE(AskedAgain());
  EXPECT_TRUE(AskedAgain());
  EXPECT_THAT(key_.Handle(kDevice), IsOk());
}

TEST_F(DeviceKeyTest, IsForgottenWhenKeydRefusesIt) {
  ASSERT_THAT(key_.Handle(kDevice), IsOk());
  keyd_.Remove("device-id");
  EXPECT_TRUE(AskedAgain());
  for (int i = 0; i < 1000 && !key_.Known(kDevice).empty(); ++i) absl::SleepFor(absl::Milliseconds(10));
  EXPECT_EQ(PartyOf(key_.Handle(kDevice).status()), Party::kKeys);
}

TEST_F(DeviceKeyTest, BelongsToItsKey) {
  ASSERT_THAT(key_.Handle(kDevice), IsOk());
  DeviceIdentity other = kDevice;
  other.credential.key_id = "other";
  EXPECT_EQ(key_.Known(other), "");
  EXPECT_FALSE(key_.Handle(other).ok());
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
    return Assignment{.device = *answer, .trust_bundle = ""};
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
  ASSERT_THAT(store_.Save(kDevice, "dps a", ""), IsOk());
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
  ASSERT_THAT(store_.Save(kDevice, "dps of before", ""), IsOk());
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
  ASSERT_THAT(store_.Save(kDevice, "dps a", ""), IsOk());
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
