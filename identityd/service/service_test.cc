// What the service does from one request to the next.
#include <gtest/gtest.h>

#include "common/testing/status_matchers.h"
#include "identityd/service/service_under_test.h"

namespace aziot::identityd {
namespace {

using ::testing::HasSubstr;
using testing::IsOk;

TEST_F(ServiceTest, WhatDpsSentIsForThoseWhoMayHaveTheDevice) {
  Assignment assignment = TheDevice();
  assignment.payload = R"({"plan":1})";
  assignment.substatus = "deviceDataMigrated";
  assignment.trust_bundle = "PEM\n";
  Start(assignment);
  const std::string status = "/status?api-version=2026-12-01";
  EXPECT_THAT(Ask(kRoot, "GET", status).body,
              HasSubstr(R"("substatus":"deviceDataMigrated","payload":{"plan":1}})"));
  EXPECT_THAT(Ask(kDeviceUser, "GET", status).body, HasSubstr(R"("payload":{"plan":1})"));
  EXPECT_THAT(Ask(kModule, "GET", status).body, ::testing::Not(HasSubstr("plan")));
  EXPECT_EQ(Ask(kUnknown, "GET", Path("/trust-bundle")).body, R"({"certificate":"PEM\n"})");
}

TEST_F(ServiceTest, AModuleLivesFromCreateToDelete) {
  Start(TheDevice());
  EXPECT_EQ(
      Ask(kEdge, "POST", Path("/identities/modules"), R"({"type":"aziot","moduleId":"$edgeAgent"})").status,
      200);
  const http::Response list = Ask(kEdge, "GET", Path("/identities/modules", "&type=aziot"));
  EXPECT_THAT(list.body, HasSubstr(R"("moduleId":"$edgeAgent","genId":"g2"}})"));
  EXPECT_EQ(Ask(kEdge, "PUT", Path("/identities/modules/$edgeAgent", "&type=aziot"), "{}").status, 200);
  EXPECT_THAT(Ask(kEdge, "GET", Path("/identities/modules/%24edgeAgent", "&type=aziot")).body,
              HasSubstr("derived:$edgeAgent:g2:primary"));
  const http::Response gone = Ask(kEdge, "DELETE", Path("/identities/modules/$edgeAgent", "&type=aziot"));
  EXPECT_EQ(gone.status, 204);
  EXPECT_EQ(gone.body, "");
  EXPECT_EQ(Ask(kEdge, "GET", Path("/identities/modules/$edgeAgent", "&type=aziot")).status, 404);
}

TEST_F(ServiceTest, AKnownModuleNeedsNeitherHubNorKeyd) {
  Start(TheDevice());
  ASSERT_EQ(Ask(kModule, "GET", Path("/identities/identity")).status, 200);
  hub_.Fail(FakeHubRegistry::Away());
  keyd_.set_away(true);
  EXPECT_EQ(Ask(kModule, "GET", Path("/identities/identity")).status, 200);
  const http::Response device = Ask(kDeviceUser, "POST", Path("/identities/device"), R"({"type":"aziot"})");
  EXPECT_EQ(device.status, 404);
  EXPECT_THAT(device.body, HasSubstr("Key client error\\ncaused by: "));
}

TEST_F(ServiceTest, WhatIsKnownIsAnsweredWhereItWasRead) {
  Start(TheDevice());
  const std::string list = Path("/identities/modules", "&type=aziot");
  const std::string one = Path("/identities/modules/m1", "&type=aziot");
  for (const bool known : {false, true}) {
    moves_ = 0;
    EXPECT_EQ(Ask(kRoot, "POST", Path("/identities/device"), R"({"type":"aziot"})").status, 200);
    EXPECT_EQ(Ask(kModule, "GET", Path("/identities/identity")).status, 200);
    EXPECT_EQ(Ask(kRoot, "GET", one).status, 200);
    EXPECT_EQ(Ask(kRoot, "GET", list).status, 200);
    if (known) {
      EXPECT_EQ(moves_, 0);
    } else {
      EXPECT_GT(moves_, 0) << "the device's handle is asked of keyd";
    }
  }
  // Another module's absence is not known: it waits where it holds up nobody who asks keyd.
  moves_ = 0;
  EXPECT_EQ(Ask(kRoot, "GET", Path("/identities/modules/nope", "&type=aziot")).status, 404);
  EXPECT_EQ(moves_, 1);
}

TEST_F(ServiceTest, AFailedProvisioningIsA404OfDps) {
  Start(Blame(Party::kDps, Reason::kNetwork, absl::UnavailableError("connect failed")));
  const http::Response device = Ask(kRoot, "POST", Path("/identities/device"), R"({"type":"aziot"})");
  EXPECT_EQ(device.status, 404);
  EXPECT_EQ(device.body, R"({"message":"DPS client error\ncaused by: connect failed"})");
  EXPECT_EQ(Ask(kRoot, "GET", Path("/trust-bundle")).status, 200);
}

TEST_F(ServiceTest, FromANewVersionOnErrorsCarryAWordForPrograms) {
  Start(TheDevice());
  hub_.Put("existing", "9");
  const auto ask = [&](const char* version) {
    return Ask(kRoot, "POST", absl::StrCat("/identities/modules?api-version=", version),
               R"({"type":"aziot","moduleId":"existing"})");
  };
  EXPECT_EQ(ask("2022-08-01").body,
            R"({"message":"Hub client error\ncaused by: ModuleAlreadyExistsOnDevice"})");
  EXPECT_EQ(ask("2026-12-01").status, 404);
  EXPECT_EQ(ask("2026-12-01").body,
            R"({"message":"Hub client error\ncaused by: ModuleAlreadyExistsOnDevice","code":"hub_exists"})");
  hub_.Fail(FakeHubRegistry::Away());
  EXPECT_THAT(ask("2026-12-01").body, HasSubstr(R"("code":"hub_unreachable"})"));
  keyd_.set_away(true);
  const http::Response device =
      Ask(kRoot, "POST", "/identities/device?api-version=2026-12-01", R"({"type":"aziot"})");
  EXPECT_EQ(device.status, 404);
  EXPECT_THAT(device.body, HasSubstr(R"("code":"keys_unreachable"})"));
  EXPECT_EQ(Ask(kUnknown, "GET", "/identities/identity?api-version=2026-12-01").body,
            R"({"message":"authorization error"})");
}

TEST_F(ServiceTest, AMethodThatIsMissingIsNamed) {
  Start(absl::UnimplementedError("provisioning.attestation.method = \"x509\" is not supported yet"));
  const http::Response device = Ask(kRoot, "POST", Path("/identities/device"), R"({"type":"aziot"})");
  EXPECT_EQ(device.status, 404);
  EXPECT_THAT(device.body, HasSubstr("is not supported yet"));
  EXPECT_THAT(Ask(kRoot, "GET", "/status?api-version=2026-12-01").body, HasSubstr("is not supported yet"));
}

TEST_F(ServiceTest, AWatchIsToldOfDeletionAndRecreation) {
  Start(TheDevice());
  const auto* method = google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(
      "aziot.identity.v1.Identities.WatchIdentity");
  rpc::CallContext context(net::Peer{.uid = kModule}, "2026-12-01", absl::InfiniteFuture());
  context.RunOn(Lane::Peers());
  const auto feed = (*dispatcher_.FindStream(method))(context, identity::v1::WatchIdentityRequest());
  ASSERT_THAT(feed, IsOk());
  const auto generation = [&] {
    const rpc::Feed::Value value = (*feed)->Get().first;
    return static_cast<const identity::v1::WatchIdentityReply&>(*value).identity().spec().gen_id();
  };
  const auto becomes = [&](const std::string& wanted) {
    for (int i = 0; i < 500 && generation() != wanted; ++i) absl::SleepFor(absl::Milliseconds(10));
    return generation() == wanted;
  };
  EXPECT_EQ(generation(), "g1");
  ASSERT_EQ(Ask(kRoot, "DELETE", Path("/identities/modules/m1", "&type=aziot")).status, 204);
  EXPECT_TRUE(becomes(""));
  ASSERT_EQ(Ask(kRoot, "POST", Path("/identities/modules"), R"({"type":"aziot","moduleId":"m1"})").status,
            200);
  EXPECT_TRUE(becomes("g2"));

  // A change that keyd could not be asked about is told later.
  keyd_.set_away(true);
  const int calls = keyd_.calls();
  hub_.Put("m1", "g9");
  clock_.Advance(absl::Minutes(2));
  Ask(kModule, "GET", Path("/identities/identity"));
  for (int i = 0; i < 500 && keyd_.calls() == calls; ++i) absl::SleepFor(absl::Milliseconds(10));
  EXPECT_GT(keyd_.calls(), calls);
  keyd_.set_away(false);
  for (int i = 0; i < 500 && generation() != "g9"; ++i) {
    clock_.Advance(absl::Seconds(5));
    absl::SleepFor(absl::Milliseconds(10));
  }
  EXPECT_EQ(generation(), "g9");

  rpc::CallContext stranger(net::Peer{.uid = kUnknown}, "2026-12-01", absl::InfiniteFuture());
  stranger.RunOn(Lane::Peers());
  EXPECT_EQ((*dispatcher_.FindStream(method))(stranger, identity::v1::WatchIdentityRequest()).status().code(),
            absl::StatusCode::kPermissionDenied);
}

}  // namespace
}  // namespace aziot::identityd
