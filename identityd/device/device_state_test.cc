// What is known of the device: its saved form, its back-off and its key.
#include <gtest/gtest.h>

#include "common/files/files.h"
#include "common/testing/manual_clock.h"
#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"
#include "identityd/attestation/failure.h"
#include "identityd/attestation/testing/fake_key_service.h"
#include "identityd/device/backoff.h"
#include "identityd/device/device_info.h"
#include "identityd/device/device_key.h"
#include "identityd/device/device_store.h"

namespace aziot::identityd {
namespace {

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
  ASSERT_THAT(store.Save(kDevice, "dps a", {.trust_bundle = "pem", .payload = "{}"}), IsOk());
  ASSERT_TRUE(store.Load());
  EXPECT_TRUE(store.Load()->device.SameDevice(kDevice));
  EXPECT_TRUE(store.Load()->Fits("dps a"));
  EXPECT_FALSE(store.Load()->Fits("dps b"));
  EXPECT_EQ(store.LoadExtras().trust_bundle, "pem");
  EXPECT_EQ(store.LoadExtras().payload, "{}");
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

TEST_F(DeviceKeyTest, StaysKnownWhileKeydIsUnwell) {
  ASSERT_THAT(key_.Handle(kDevice), IsOk());
  keyd_.Fail(Blame(Party::kKeys, Reason::kOther, absl::InternalError("the answer is not HTTP")));
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

}  // namespace
}  // namespace aziot::identityd
