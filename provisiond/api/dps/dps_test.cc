#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/files/files.h"
#include "provisiond/api/dps/dps_fixture.h"
#include "provisiond/audit/audit_log.h"

namespace aziot::provisiond {
namespace {

using ::testing::HasSubstr;

TEST_F(DpsTest, AnIndividualDeviceIsAssignedWithItsKeys) {
  Individual("Dev-1");
  const std::string token = cloud_.RegistrationToken(kKey, "dev-1");
  const http::Response registered =
      cloud_.Send("PUT", "/0NE00000001/registrations/dev-1/register?api-version=2021-06-01", token,
                  R"({"registrationId":"DEV-1"})");
  ASSERT_EQ(registered.status, 202) << registered.body;
  const Json body = Json::parse(registered.body);
  EXPECT_EQ(body["status"], "assigning");
  const std::string operation = body["operationId"];
  EXPECT_THAT(std::string(registered.headers.Get("Location")), HasSubstr(operation));
  EXPECT_EQ(registered.headers.Get("retry-after"), "1");

  const std::string poll =
      absl::StrCat("/0ne00000001/registrations/dev-1/operations/", operation, "?api-version=2021-06-01");
  const Json answer = Json::parse(cloud_.Send("GET", poll, token, "{}").body);
  EXPECT_EQ(answer["status"], "assigned") << answer;
  const Json& state = answer["registrationState"];
  EXPECT_EQ(state["registrationId"], "dev-1");
  EXPECT_EQ(state["deviceId"], "Dev-1");
  EXPECT_EQ(state["assignedHub"], "localhost:8443");
  EXPECT_EQ(state["substatus"], "initialAssignment");

  const http::Response sent = cloud_.Send("POST", "/devices/Dev-1/messages/events?api-version=2020-09-30",
                                          cloud_.DeviceToken(kOtherKey, "dev-1"), "hello");
  EXPECT_EQ(sent.status, 204) << sent.body;
}

TEST_F(DpsTest, AGroupDeviceIsAssignedWithItsDerivedKey) {
  const std::string key = GroupDeviceKey("sensor-7");
  const Json answer = cloud_.Provision("Sensor-7", key);
  EXPECT_EQ(answer["registrationState"]["deviceId"], "sensor-7") << answer;
  EXPECT_EQ(answer["registrationState"]["symmetricKey"]["enrollmentGroupId"], "fleet");
  EXPECT_EQ(cloud_
                .Send("GET", "/devices/sensor-7/modules?api-version=2017-11-08-preview",
                      cloud_.DeviceToken(key, "sensor-7"))
                .status,
            200);
  const Json again = cloud_.Provision("sensor-7", key);
  EXPECT_EQ(again["registrationState"]["substatus"], "reprovisionedToInitialAssignment");
  const Json listed = Json::parse(Call("POST", "/registrations/fleet/query").body);
  ASSERT_EQ(listed.size(), 1u);
  EXPECT_EQ(listed[0]["registrationId"], "sensor-7");
}

TEST_F(DpsTest, WrongProofsAreRefusedAlike) {
  Individual("d1");
  Individual("d2");
  const std::string path = "/0ne00000001/registrations/d1/register?api-version=2021-06-01";
  const std::string good = cloud_.RegistrationToken(kKey, "d1");
  std::string tampered = good;
  char& changed = tampered[tampered.find("sig=") + 6];
  changed = changed == 'A' ? 'B' : 'A';
  const auto status = [&](const std::string& token, const std::string& target) {
    const http::Response response = cloud_.Send("PUT", target, token, "{}");
    const Json body = Json::parse(response.body);
    if (response.status == 401) {
      EXPECT_EQ(body["errorCode"], 401002);
      EXPECT_EQ(body["message"], "Unauthorized");
      EXPECT_EQ(response.headers.Get("x-ms-error-code"), "401002");
    }
    return response.status;
  };
  EXPECT_EQ(status(tampered, path), 401);
  EXPECT_EQ(status(cloud_.RegistrationToken(FormatBase64(Bytes(32, 0x33)), "d1"), path), 401);
  EXPECT_EQ(status(cloud_.RegistrationToken(kKey, "d2"), path), 401);
  EXPECT_EQ(status(Token(kKey, "0ne00000001/registrations/d1", cloud_.In(-301), "registration"), path), 401);
  EXPECT_EQ(status(Token(kKey, "0ne00000001/registrations/d1", cloud_.In(60), "other"), path), 401);
  EXPECT_EQ(status(Token(kKey, "0ne00000001", cloud_.In(60), "registration"), path), 401);
  EXPECT_EQ(status("", path), 401);
  EXPECT_EQ(status(cloud_.RegistrationToken(kKey, "nobody"),
                   "/0ne00000001/registrations/nobody/register?api-version=2021-06-01"),
            401);
  EXPECT_EQ(status(good, "/0ne00000002/registrations/d1/register?api-version=2021-06-01"), 401);
  EXPECT_EQ(status(good, path), 202);
}

TEST_F(DpsTest, TooManyFailedProofsMustWait) {
  Individual("d1");
  const std::string path = "/0ne00000001/registrations/d1/register?api-version=2021-06-01";
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(cloud_.Send("PUT", path, "SharedAccessSignature x", "{}").status, 401);
  const std::string good = cloud_.RegistrationToken(kKey, "d1");
  const http::Response waiting = cloud_.Send("PUT", path, good, "{}");
  EXPECT_EQ(waiting.status, 429);
  EXPECT_EQ(waiting.headers.Get("Retry-After"), "60");
  cloud_.clock.Advance(absl::Seconds(60));
  EXPECT_EQ(cloud_.Send("PUT", path, good, "{}").status, 202);
}

TEST_F(DpsTest, DisabledEntriesEndDisabledForWhoProvesToBeTheDevice) {
  Individual("d1", {{"provisioningStatus", "disabled"}});
  EXPECT_EQ(cloud_.Provision("d1", kKey)["registrationState"]["status"], "disabled");
  EXPECT_EQ(cloud_.Provision("d1", FormatBase64(Bytes(32, 0x33)))["errorCode"], 401002);

  const std::string key = GroupDeviceKey("s1");
  ASSERT_EQ(cloud_.Provision("s1", key)["status"], "assigned");
  Individual("s1", {{"attestation", {{"type", "none"}}}, {"provisioningStatus", "disabled"}});
  EXPECT_EQ(cloud_.Provision("s1", key)["status"], "disabled");
  ASSERT_EQ(Call("DELETE", "/enrollments/s1").status, 204);
  EXPECT_EQ(cloud_.Provision("s1", key)["status"], "assigned");
  Put("/enrollmentGroups/Fleet",
      {{"attestation", {{"type", "symmetricKey"}}}, {"provisioningStatus", "disabled"}});
  EXPECT_EQ(cloud_.Provision("s1", key)["status"], "disabled");
}

TEST_F(DpsTest, ADisabledDeviceCannotComeBackThroughItsGroup) {
  const std::string key = GroupDeviceKey("s1");
  ASSERT_EQ(cloud_.Provision("s1", key)["status"], "assigned");
  const Actor actor{"test", ""};
  const std::string hub = cloud_.hubs->Default().id;
  ASSERT_TRUE(cloud_.registry.Apply(hub, "s1", Event::kDisable, "lost", actor).ok());
  EXPECT_EQ(cloud_.Provision("s1", key)["status"], "disabled");
  EXPECT_EQ(Json::parse(Call("GET", "/enrollments/s1").body)["provisioningStatus"], "disabled");
  EXPECT_EQ(
      cloud_.Send("GET", "/devices/s1/modules?api-version=2020-09-30", cloud_.DeviceToken(key, "s1")).status,
      403);
  ASSERT_TRUE(cloud_.registry.Apply(hub, "s1", Event::kEnable, "", actor).ok());
  EXPECT_EQ(Call("GET", "/enrollments/s1").status, 404);
  EXPECT_EQ(cloud_.Provision("s1", key)["status"], "assigned");
}

TEST_F(DpsTest, ADeviceDeletedFromTheHubIsMadeAgain) {
  Individual("d1");
  ASSERT_EQ(cloud_.Provision("d1", kKey)["status"], "assigned");
  const auto before = cloud_.registry.GetDevice(cloud_.hubs->Default().id, "d1");
  ASSERT_TRUE(cloud_.registry.DeleteDevice(cloud_.hubs->Default().id, "d1", std::nullopt, {"test", ""}).ok());
  cloud_.clock.Advance(absl::Seconds(1));
  EXPECT_EQ(cloud_.Provision("d1", kKey)["registrationState"]["substatus"],
            "reprovisionedToInitialAssignment");
  const auto after = cloud_.registry.GetDevice(cloud_.hubs->Default().id, "d1");
  ASSERT_TRUE(after.ok());
  EXPECT_LT(before->generation_id, after->generation_id);
}

TEST_F(DpsTest, OperationsBelongToTheirRegistration) {
  Individual("d1");
  Individual("d2");
  ASSERT_EQ(cloud_.Provision("d1", kKey)["status"], "assigned");
  const std::string token1 = cloud_.RegistrationToken(kKey, "d1");
  const Json made = Json::parse(
      cloud_.Send("PUT", "/0ne00000001/registrations/d1/register?api-version=2021-06-01", token1, "{}").body);
  const http::Response other =
      cloud_.Send("GET",
                  absl::StrCat("/0ne00000001/registrations/d2/operations/",
                               made["operationId"].get<std::string>(), "?api-version=2021-06-01"),
                  cloud_.RegistrationToken(kKey, "d2"));
  EXPECT_EQ(other.status, 404);
  EXPECT_EQ(Json::parse(other.body)["errorCode"], 404203);
}

TEST_F(DpsTest, OldestApiVersionAndLookUp) {
  Individual("d1");
  EXPECT_EQ(cloud_.Provision("d1", kKey, "2017-08-31-preview")["registrationStatus"]["deviceId"], "d1");
  const http::Response looked =
      cloud_.Send("POST", "/0ne00000001/registrations/d1?api-version=2021-06-01",
                  cloud_.RegistrationToken(kKey, "d1"), R"({"registrationId":"d1"})");
  EXPECT_EQ(looked.status, 200);
  EXPECT_EQ(Json::parse(looked.body)["assignedHub"], "localhost:8443");
}

struct BadCall {
  const char* name;
  const char* method;
  const char* target;
  const char* body;
  int code;
};
class DpsRefusal : public DpsTest, public ::testing::WithParamInterface<BadCall> {};
TEST_P(DpsRefusal, HasItsCode) {
  Individual("d1");
  const http::Response response = cloud_.Send(GetParam().method, GetParam().target,
                                              cloud_.RegistrationToken(kKey, "d1"), GetParam().body);
  EXPECT_EQ(Json::parse(response.body)["errorCode"], GetParam().code) << response.body;
  EXPECT_EQ(response.status, GetParam().code / 1000);
  EXPECT_FALSE(response.headers.Get("x-ms-request-id").empty());
}
#define DPS "/0ne00000001/registrations/d1"
INSTANTIATE_TEST_SUITE_P(
    All, DpsRefusal,
    ::testing::Values(
        BadCall{"NoVersion", "PUT", DPS "/register", "{}", 400004},
        BadCall{"UnknownVersion", "PUT", DPS "/register?api-version=2020-01-01", "{}", 400004},
        BadCall{"NotJson", "PUT", DPS "/register?api-version=2021-06-01", "{", 400004},
        BadCall{"NotAnObject", "PUT", DPS "/register?api-version=2021-06-01", "[]", 400004},
        BadCall{"OtherId", "PUT", DPS "/register?api-version=2021-06-01", R"({"registrationId":"d2"})",
                400202},
        BadCall{"BadId", "PUT", "/0ne00000001/registrations/a%20b/register?api-version=2021-06-01", "{}",
                400202},
        BadCall{"BadEnd", "PUT", "/0ne00000001/registrations/a./register?api-version=2021-06-01", "{}",
                400202},
        BadCall{"Csr", "PUT", DPS "/register?api-version=2025-07-01-preview", R"({"csr":"x"})", 400004},
        BadCall{"Method", "GET", DPS "/register?api-version=2021-06-01", "", 405001},
        BadCall{"NoOperation", "GET", DPS "/operations/x?api-version=2021-06-01", "", 404203}),
    [](const auto& info) { return std::string(info.param.name); });
#undef DPS

TEST_F(DpsTest, HostileBodiesAreRefused) {
  Individual("d1");
  const std::string path = "/0ne00000001/registrations/d1/register?api-version=2021-06-01";
  const std::string token = cloud_.RegistrationToken(kKey, "d1");
  EXPECT_EQ(cloud_.Send("PUT", path, token, std::string(40000, '[')).status, 400);
  EXPECT_EQ(cloud_.Send("PUT", path, token, "{\"registrationId\":\"\xff\"}").status, 400);
  EXPECT_EQ(cloud_.Send("PUT", path, token, std::string(96 * 1024 + 1, ' ')).status, 413);
  const http::Response malformed = cloud_.Send("PUT", "/0ne00000001//d1", token, "{}");
  EXPECT_EQ(malformed.status, 400);
  EXPECT_EQ(malformed.headers.Get("x-ms-error-code"), "400004");
  EXPECT_EQ(cloud_.Send("GET", "/", token).status, 400);
  EXPECT_EQ(cloud_.Send("GET", "//devices?api-version=2020-09-30", token).status, 400);
  EXPECT_EQ(cloud_.Send("GET", "/devices//?api-version=2020-09-30", token).headers.Get("iothub-errorcode"),
            "ArgumentInvalid");
  EXPECT_EQ(cloud_.Send("PUT", "/0ne00000001/%2e%2e/d1", token, "{}").status, 400);
  EXPECT_EQ(cloud_.Send("PUT", "/devices/a%00b?api-version=2020-09-30", token, "{}").status, 400);
}

TEST_F(DpsTest, TheGroupThatAdmittedADeviceLastIsTriedFirst) {
  const auto group = [&](const char* name, const std::string& primary, const std::string& secondary) {
    const Json keys = {{"primaryKey", primary}, {"secondaryKey", secondary}};
    ASSERT_EQ(Put(absl::StrCat("/enrollmentGroups/", name),
                  {{"attestation", {{"type", "symmetricKey"}, {"symmetricKey", keys}}}})
                  .status,
              200);
  };
  const std::string third = FormatBase64(Bytes(32, 0x33));
  group("a", kKey, third);
  group("b", kKey, kOtherKey);
  const auto provision = [&](const std::string& key, const char* id) {
    const std::string derived = FormatBase64(DeriveDeviceKey(*ParseKey(key), id).Expose());
    return cloud_.Provision(id, derived)["registrationState"]["symmetricKey"]["enrollmentGroupId"];
  };
  EXPECT_EQ(provision(kKey, "d1"), "a");
  EXPECT_EQ(provision(kOtherKey, "d2"), "b");
  EXPECT_EQ(provision(kKey, "d3"), "b");
  EXPECT_EQ(provision(third, "d4"), "a");
  EXPECT_EQ(provision(kKey, "d5"), "a");
}

TEST_F(DpsTest, OperationsAreForgottenAfterADay) {
  Individual("d1");
  const auto token = [&] { return cloud_.RegistrationToken(kKey, "d1"); };
  const Json made = Json::parse(
      cloud_.Send("PUT", "/0ne00000001/registrations/d1/register?api-version=2021-06-01", token(), "{}")
          .body);
  const std::string poll = absl::StrCat("/0ne00000001/registrations/d1/operations/",
                                        made["operationId"].get<std::string>(), "?api-version=2021-06-01");
  cloud_.clock.Advance(absl::Hours(24));
  EXPECT_EQ(cloud_.Send("GET", poll, token()).status, 200);
  cloud_.clock.Advance(absl::Seconds(1));
  EXPECT_EQ(Json::parse(cloud_.Send("GET", poll, token()).body)["errorCode"], 404203);
}

TEST_F(DpsTest, EveryAnswerEchoesTheRequestId) {
  http::Request request;
  request.method = "GET";
  request.target = "/0ne00000001//x";
  request.headers.Add("Request-Id", "abc");
  EXPECT_EQ(cloud_.router.Handle(request, "192.0.2.7").headers.Get("x-ms-request-id"), "abc");
  request.target = "/enrollments/x";
  EXPECT_EQ(cloud_.router.Handle(request, "192.0.2.7").headers.Get("x-ms-request-id"), "abc");
}

class DpsApiVersion : public DpsTest, public ::testing::WithParamInterface<const char*> {};
TEST_P(DpsApiVersion, IsAcceptedFromDevices) {
  Individual("d1");
  const Json answer = cloud_.Provision("d1", kKey, GetParam());
  EXPECT_EQ(answer["status"], "assigned") << answer;
}
INSTANTIATE_TEST_SUITE_P(All, DpsApiVersion,
                         ::testing::Values("2017-08-31-preview", "2017-11-15", "2018-04-01",
                                           "2018-09-01-preview", "2018-11-01", "2019-03-31", "2021-06-01",
                                           "2021-10-01", "2025-07-01-preview"));

TEST_F(DpsTest, WhatIsNotThereYetSaysSo) {
  const http::Response tpm =
      Put("/enrollments/t",
          {{"registrationId", "t"}, {"attestation", {{"type", "tpm"}, {"tpm", Json::object()}}}});
  EXPECT_EQ(tpm.status, 400);
  EXPECT_THAT(tpm.body, HasSubstr("not supported yet"));
  EXPECT_THAT(cloud_.Send("GET", "/things/x", "").body, HasSubstr("not supported yet"));
}

TEST(DpsRestart, AStoreWithoutItsDataKeyIsNoticedAtTheStart) {
  const testing::TempDir directory;
  { const Cloud cloud(directory.path()); }
  ASSERT_TRUE(files::Remove(directory.Join("p.db.key")).ok());
  Cloud cloud(directory.path());
  EXPECT_EQ(cloud.policies.MakeDefaults().code(), absl::StatusCode::kDataLoss);
}

TEST(DpsRestart, EverythingIsThereAgain) {
  const testing::TempDir directory;
  std::string policy_key;
  {
    Cloud cloud(directory.path());
    policy_key = FormatBase64(cloud.policies.PrimaryKey("iothubowner")->Expose());
    EnrollmentWish wish;
    wish.entry.name = "d1";
    wish.entry.attestation = "symmetricKey";
    wish.keys.primary = *ParseKey(kKey);
    ASSERT_TRUE(cloud.enrollments
                    .Put(store::EnrollmentKind::kIndividual, std::move(wish), PutMode::kCreate, std::nullopt,
                         {"test", ""})
                    .ok());
    ASSERT_EQ(cloud.Provision("d1", kKey)["status"], "assigned");
  }
  Cloud cloud(directory.path());
  EXPECT_EQ(FormatBase64(cloud.policies.PrimaryKey("iothubowner")->Expose()), policy_key);
  EXPECT_EQ(cloud
                .Send("POST", "/devices/d1/messages/events?api-version=2020-09-30",
                      cloud.DeviceToken(kKey, "d1"), "x")
                .status,
            204);
  EXPECT_EQ(cloud.Provision("d1", kKey)["registrationState"]["substatus"],
            "reprovisionedToInitialAssignment");
  EXPECT_TRUE(cloud.database->Read([](store::Session& session) { return audit::Verify(session); }).ok());
}

}  // namespace
}  // namespace aziot::provisiond
