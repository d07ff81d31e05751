#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "provisiond/api/hub/hub_fixture.h"
#include "provisiond/lifecycle/fault.h"

namespace aziot::provisiond {
namespace {

using ::testing::HasSubstr;

TEST_F(HubTest, DeviceCreateUpdateAndDeleteFollowTheEtag) {
  Make("d1");
  const Json device = Json::parse(Own("GET", "/devices/d1").body);
  EXPECT_EQ(device["status"], "enabled");
  EXPECT_EQ(device["generationId"].get<std::string>().size(), 18u);
  const http::Response twice = Own("PUT", "/devices/d1", R"({"deviceId":"d1"})");
  EXPECT_EQ(twice.status, 409);
  EXPECT_EQ(ErrorOf(twice), "DeviceAlreadyExists");
  EXPECT_THAT(twice.body, HasSubstr("ErrorCode:DeviceAlreadyExists;"));

  const std::string etag = device["etag"];
  const http::Response updated =
      Own("PUT", "/devices/d1", R"({"deviceId":"d1","status":"disabled","statusReason":"x"})",
          absl::StrCat("\"", etag, "\""));
  ASSERT_EQ(updated.status, 200) << updated.body;
  const Json after = Json::parse(updated.body);
  EXPECT_EQ(after["status"], "disabled");
  EXPECT_EQ(after["authentication"], device["authentication"]);
  EXPECT_EQ(after["generationId"], device["generationId"]);
  EXPECT_EQ(Own("PUT", "/devices/d1", "{}", etag).status, 412);
  EXPECT_EQ(Own("DELETE", "/devices/d1", "", etag).status, 412);
  EXPECT_EQ(Own("DELETE", "/devices/d1", "", "\"*\"").status, 204);
  EXPECT_EQ(ErrorOf(Own("GET", "/devices/d1")), "DeviceNotFound");
  EXPECT_EQ(Own("PUT", "/devices/d1", "{}", "*").status, 404);
}

TEST_F(HubTest, ADeviceManagesItsOwnModulesAndNoOthers) {
  const std::string key = Make("d=1");
  const std::string other = Make("d2");
  const std::string path = "/devices/d%3D1/modules/$edgeAgent";
  const http::Response made =
      As(key, "d%3D1", "PUT", path, R"({"moduleId":"$edgeAgent","deviceId":"d=1","managedBy":"IotEdge"})");
  ASSERT_EQ(made.status, 200) << made.body;
  const Json module = Json::parse(made.body);
  EXPECT_EQ(module["managedBy"], "IotEdge");
  EXPECT_EQ(module["authentication"]["type"], "sas");
  EXPECT_EQ(ErrorOf(As(key, "d%3D1", "PUT", path, "{}")), "ModuleAlreadyExistsOnDevice");

  const std::string module_key = FormatBase64(Bytes(32, 0x44));
  const Json update = {
      {"moduleId", "$edgeAgent"},
      {"deviceId", "d=1"},
      {"authentication",
       {{"type", "sas"}, {"symmetricKey", {{"primaryKey", module_key}, {"secondaryKey", module_key}}}}}};
  const http::Response updated = As(key, "d%3D1", "PUT", path, update.dump(), "*");
  ASSERT_EQ(updated.status, 200) << updated.body;
  EXPECT_EQ(Json::parse(updated.body)["generationId"], module["generationId"]);
  EXPECT_TRUE(Json::parse(updated.body)["managedBy"].is_null());

  const std::string events = "/devices/d%3D1/modules/$edgeAgent/messages/events";
  const std::string token = Token(module_key, "localhost/devices/d%3D1/modules/$edgeagent", cloud_.In(60));
  EXPECT_EQ(cloud_.Send("POST", absl::StrCat(events, kVersion), token, "{}").status, 204);
  EXPECT_EQ(cloud_.Send("POST", absl::StrCat("/devices/d%3D1/messages/events", kVersion), token, "{}").status,
            401);

  EXPECT_EQ(Json::parse(As(key, "d%3D1", "GET", "/devices/d%3D1/modules").body).size(), 1u);
  EXPECT_EQ(As(other, "d2", "GET", "/devices/d%3D1/modules").status, 401);
  EXPECT_EQ(As(other, "d%3D1", "GET", "/devices/d%3D1/modules").status, 401);
  EXPECT_EQ(As(key, "d%3D1", "GET", "/devices/d%3D1").status, 401);
  EXPECT_EQ(As(key, "d%3D1", "PUT", "/devices/d2/modules/m", "{}").status, 401);
  EXPECT_EQ(As(key, "d%3D1", "DELETE", path, "", "*").status, 204);
  EXPECT_EQ(ErrorOf(As(key, "d%3D1", "GET", path)), "ModuleNotFound");
}

TEST_F(HubTest, AModuleMadeAgainHasANewGeneration) {
  const std::string key = Make("d1");
  const Json first = Json::parse(As(key, "d1", "PUT", "/devices/d1/modules/m", "{}").body);
  As(key, "d1", "DELETE", "/devices/d1/modules/m");
  cloud_.clock.Advance(absl::Seconds(1));
  const Json second = Json::parse(As(key, "d1", "PUT", "/devices/d1/modules/m", "{}").body);
  EXPECT_NE(first["generationId"], second["generationId"]);
}

TEST_F(HubTest, TelemetryProvesCredentials) {
  const std::string key = Make("d1");
  const std::string events = absl::StrCat("/devices/d1/messages/events", kVersion);
  const std::string good = cloud_.DeviceToken(key, "d1");
  EXPECT_EQ(cloud_.Send("POST", events, good, "one").status, 204);
  std::string tampered = good;
  const size_t at = tampered.find("sig=") + 6;
  tampered[at] = tampered[at] == 'A' ? 'B' : 'A';
  EXPECT_EQ(cloud_.Send("POST", events, tampered, "two").status, 401);
  EXPECT_EQ(cloud_.Send("POST", events, Token(key, "localhost/devices/d1", cloud_.In(-400)), "x").status,
            401);
  EXPECT_EQ(cloud_.Send("POST", events, "", "x").status, 401);
  EXPECT_EQ(cloud_.Send("POST", events, cloud_.PolicyToken("device"), "three").status, 204);
  EXPECT_EQ(cloud_.Send("POST", events, cloud_.PolicyToken("registryRead"), "x").status, 403);
  EXPECT_EQ(cloud_.Send("POST", events, good, std::string(256 * 1024 + 1, 'x')).status, 413);
  EXPECT_EQ(cloud_.Send("POST", "/devices/d1/messages/events", good, "x").status, 400);

  const auto device = cloud_.registry.GetDevice(cloud_.hubs->Default().id, "d1");
  const auto messages = cloud_.telemetry.List(device->id);
  ASSERT_EQ(messages->size(), 2u);
  EXPECT_EQ(ToText((*messages)[0].body), "one");
  EXPECT_EQ(ToText((*messages)[1].body), "three");
}

TEST_F(HubTest, TelemetryIsARing) {
  Make("d1");
  const auto device = cloud_.registry.GetDevice(cloud_.hubs->Default().id, "d1");
  for (int i = 0; i < store::kMessagesPerDevice + 5; ++i) {
    ASSERT_TRUE(cloud_.telemetry.Add(device->id, "", {{ToBytes(absl::StrCat(i)), "{}"}}).ok());
  }
  const auto messages = cloud_.telemetry.List(device->id);
  ASSERT_EQ(messages->size(), static_cast<size_t>(store::kMessagesPerDevice));
  EXPECT_EQ(ToText(messages->front().body), "5");
}

TEST_F(HubTest, ADisabledDeviceIsForbiddenAfterAValidProofOnly) {
  const std::string key = Make("d1");
  Own("PUT", "/devices/d1", R"({"status":"disabled"})", "*");
  const std::string events = "/devices/d1/messages/events";
  EXPECT_EQ(As(key, "d1", "POST", events, "x").status, 403);
  EXPECT_EQ(As(FormatBase64(Bytes(32, 9)), "d1", "POST", events, "x").status, 401);
  EXPECT_EQ(As(key, "d1", "GET", "/devices/d1/modules").status, 403);
  Own("PUT", "/devices/d1", R"({"status":"enabled"})", "*");
  EXPECT_EQ(As(key, "d1", "POST", events, "x").status, 204);
}

TEST_F(HubTest, DeviceAndModuleKeysOpenTheirOwnDoorsOnly) {
  const std::string device = Make("d1");
  const Json made = Json::parse(As(device, "d1", "PUT", "/devices/d1/modules/m", "{}").body);
  const std::string module = made["authentication"]["symmetricKey"]["secondaryKey"];
  const std::string at_device = "/devices/d1/messages/events",
                    at_module = "/devices/d1/modules/m/messages/events";
  const std::string as_module = "d1%2Fmodules%2Fm";
  EXPECT_EQ(As(module, as_module, "POST", at_module, "x").status, 204);
  EXPECT_EQ(As(module, as_module, "POST", at_device, "x").status, 401);
  EXPECT_EQ(As(module, "d1", "POST", at_device, "x").status, 401);
  EXPECT_EQ(As(device, as_module, "POST", at_module, "x").status, 401);
  EXPECT_EQ(As(device, "d1", "POST", at_module, "x").status, 401);
  EXPECT_EQ(As(module, as_module, "GET", "/devices/d1/modules").status, 401);
  EXPECT_EQ(As(module, as_module, "DELETE", "/devices/d1/modules/m").status, 401);
  Own("PUT", "/devices/d1", R"({"status":"disabled"})", "*");
  EXPECT_EQ(As(module, as_module, "POST", at_module, "x").status, 403);
}

TEST_F(HubTest, HostPicksTheHub) {
  const testing::TempDir directory;
  Cloud cloud(directory.path(), {{"hub1", 1}, {"hub2", 1}});
  const auto get = [&](const char* host, const char* resource) {
    return cloud.Send("GET", absl::StrCat("/devices/d1", kVersion),
                      cloud.PolicyToken("iothubowner", resource), "", "", host);
  };
  ASSERT_TRUE(
      cloud.registry.CreateDevice(cloud.hubs->ByName("hub2")->id, DeviceWish{"d1"}, {"test", ""}).ok());
  EXPECT_EQ(get("HUB2:8443", "hub2").status, 200);
  EXPECT_EQ(get("hub1", "hub1").status, 404);
  EXPECT_EQ(get("hub2", "hub1").status, 401);
  EXPECT_EQ(get("hub3", "hub3").status, 401);
  EXPECT_EQ(get("127.0.0.1:8443", "127.0.0.1").status, 404);
}

TEST_F(HubTest, ModulesAreBounded) {
  const std::string key = Make("d1");
  for (size_t i = 0; i < kModulesPerDevice; ++i) {
    ASSERT_EQ(As(key, "d1", "PUT", absl::StrCat("/devices/d1/modules/m", i), "{}").status, 200);
  }
  const http::Response more = As(key, "d1", "PUT", "/devices/d1/modules/more", "{}");
  EXPECT_EQ(more.status, 403);
  EXPECT_EQ(ErrorOf(more), "TooManyModulesOnDevice");
}

TEST_F(HubTest, TwinsMergeAndReplace) {
  Make("d1");
  const Json first = Json::parse(
      Own("PATCH", "/twins/d1", R"({"tags":{"a":1,"b":2},"properties":{"desired":{"x":{"y":1}}}})").body);
  EXPECT_EQ(first["properties"]["desired"]["x"]["y"], 1);
  const Json second = Json::parse(Own("PATCH", "/twins/d1", R"({"tags":{"a":null}})").body);
  EXPECT_EQ(second["tags"], (Json{{"b", 2}}));
  EXPECT_EQ(second["properties"]["desired"]["$version"], 2);
  EXPECT_GT(second["version"], first["version"]);
  EXPECT_EQ(Own("PATCH", "/twins/d1", "{}", first["etag"].get<std::string>()).status, 412);
  const Json third = Json::parse(Own("PUT", "/twins/d1", R"({"tags":{"c":3}})").body);
  EXPECT_EQ(third["tags"], (Json{{"c", 3}}));
  EXPECT_EQ(third["properties"]["desired"]["x"]["y"], 1);
}

TEST_F(HubTest, ServiceAndDeviceProofsAreCountedApart) {
  const std::string key = Make("hub");
  const std::string wrong = cloud_.DeviceToken(FormatBase64(Bytes(32, 9)), "hub");
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(cloud_.Send("GET", absl::StrCat("/devices/hub/modules", kVersion), wrong).status, 401);
  }
  EXPECT_EQ(As(key, "hub", "GET", "/devices/hub/modules").status, 429);
  EXPECT_EQ(Own("GET", "/devices/hub").status, 200);
}

TEST_F(HubTest, WhatIsNoIdIsRefusedBeforeItIsCounted) {
  const std::string path = absl::StrCat("/devices/", std::string(20000, 'x'), "/modules", kVersion);
  for (int i = 0; i < 21; ++i) EXPECT_EQ(cloud_.Send("GET", path, "").status, 400);
  EXPECT_EQ(cloud_.Send("GET", absl::StrCat("/devices/a%0Ab/modules", kVersion), "").status, 400);
  EXPECT_EQ(cloud_.Send("GET", absl::StrCat("/twins/d/modules/%20", kVersion), "").status, 400);
}

TEST_F(HubTest, ApiVersionsAreDates) {
  Make("d1");
  const std::string token = cloud_.PolicyToken("iothubowner");
  for (const char* good : {"2016-02-03", "2017-11-08-preview", "2020-09-30", "2021-04-12"}) {
    EXPECT_EQ(cloud_.Send("GET", absl::StrCat("/devices/d1?api-version=", good), token).status, 200) << good;
  }
  for (const char* bad :
       {"", "2016-02-02", "2020-13-01", "2020-02-30", "2020-9-30", "2020-09-30-x", "latest"}) {
    const http::Response refused = cloud_.Send("GET", absl::StrCat("/devices/d1?api-version=", bad), token);
    EXPECT_EQ(refused.status, 400) << bad;
    EXPECT_EQ(ErrorOf(refused), "ArgumentInvalid");
  }
}

TEST_F(HubTest, TelemetryAndTwinOfADeletedDeviceAreRefused) {
  const Json change = {{"tags", {{"a", 1}}}};
  EXPECT_EQ(
      FaultOf(
          cloud_.twins.Change("gone", TwinChange::kPatch, change, std::nullopt, "d1", {"test", ""}).status()),
      Fault::kDeviceNotFound);
  EXPECT_EQ(FaultOf(cloud_.telemetry.Add("gone", "", {{ToBytes("x"), "{}"}})), Fault::kDeviceNotFound);
}

TEST_F(HubTest, AReasonHas128CharactersHoweverTheyAreWritten) {
  Make("d1");
  std::string reason;
  for (int i = 0; i < 128; ++i) reason += "\xc3\xa4";
  EXPECT_EQ(Own("PUT", "/devices/d1", Json{{"statusReason", reason}}.dump(), "*").status, 200);
  EXPECT_EQ(Own("PUT", "/devices/d1", Json{{"statusReason", reason + "x"}}.dump(), "*").status, 400);
}

TEST_F(HubTest, WhoSeesKeysLeavesALine) {
  const std::string key = Make("d1");
  As(key, "d1", "PUT", "/devices/d1/modules/m", "{}");
  Own("GET", "/devices/d1");
  Own("GET", "/devices");
  As(key, "d1", "GET", "/devices/d1/modules");
  As(key, "d1", "GET", "/devices/d1/modules/m");
  std::vector<std::string> actions;
  ASSERT_TRUE(cloud_.database
                  ->Read([&](store::Session& session) -> absl::Status {
                    const auto rows = session.Query("SELECT action, actor FROM audit ORDER BY seq", {});
                    for (const store::Row& row : *rows) actions.push_back(row.Text(0) + " by " + row.Text(1));
                    return absl::OkStatus();
                  })
                  .ok());
  const std::string owner = " by policy iothubowner @ 192.0.2.7", device = " by device d1 @ 192.0.2.7";
  EXPECT_THAT(actions, ::testing::ElementsAre("device.create" + owner, "module.create" + device,
                                              "device.show-keys" + owner, "device.list-keys" + owner,
                                              "module.list-keys" + device, "module.show-keys" + device));
}

TEST_F(HubTest, TheLongestLifeOfATokenIsConfigured) {
  api::Proofs proofs(20, absl::Hours(24), *cloud_.database, cloud_.clock);
  const auto refused = [&](int64_t seconds) {
    http::Request request;
    request.target = "/devices/d1";
    request.headers.Add("Authorization",
                        Token(FormatBase64(Bytes(32, 1)), "localhost/devices/d1", cloud_.In(seconds)));
    return FaultOf(proofs.TokenOf(api::ParseCall(request, "192.0.2.7", ""), "d1").status());
  };
  EXPECT_EQ(refused(23 * 3600), std::nullopt);
  EXPECT_EQ(refused(25 * 3600), Fault::kUnauthorized);
}

TEST_F(HubTest, TheHandshakesNameAndTheHostMustBeOfOneHub) {
  const testing::TempDir directory;
  Cloud cloud(directory.path(), {{"hub1", 1}, {"hub2", 1}});
  const auto get = [&](const char* server_name, const char* host) {
    http::Request request;
    request.method = "GET";
    request.target = absl::StrCat("/devices", kVersion);
    request.headers.Add("Host", host);
    request.headers.Add("Authorization", cloud.PolicyToken("iothubowner", HostName(host)));
    return cloud.router.Handle(request, "192.0.2.7", server_name);
  };
  EXPECT_EQ(get("", "hub2").status, 200);
  EXPECT_EQ(get("HUB2", "hub2:443").status, 200);
  EXPECT_EQ(get("localhost", "hub1").status, 200);
  const http::Response refused = get("hub1", "hub2");
  EXPECT_EQ(refused.status, 421);
  EXPECT_EQ(ErrorOf(refused), "MisdirectedRequest");
  EXPECT_EQ(get("elsewhere", "hub2").status, 421);
}

TEST_F(HubTest, RequestsAreCountedByHubFamilyAndClass) {
  Make("d1");
  cloud_.Send("GET", absl::StrCat("/devices/d1", kVersion), "", "", "", "nobody.example");
  cloud_.Send("GET", "/enrollments/x", "");
  const std::string text = cloud_.metrics.Write();
  EXPECT_THAT(text,
              HasSubstr(R"(provisiond_https_requests_total{hub="localhost",family="hub",class="2xx"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(provisiond_https_requests_total{hub="",family="hub",class="4xx"} 1)"));
  EXPECT_THAT(
      text,
      HasSubstr(R"(provisiond_https_requests_total{hub="localhost",family="dps-service",class="4xx"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(provisiond_https_request_seconds_count{family="hub"} 2)"));
}

struct BadDevice {
  const char* name;
  const char* path;
  const char* body;
};
class HubRefusal : public HubTest, public ::testing::WithParamInterface<BadDevice> {};
TEST_P(HubRefusal, IsArgumentInvalid) {
  const http::Response response = Own("PUT", GetParam().path, GetParam().body);
  EXPECT_EQ(response.status, 400) << response.body;
  EXPECT_EQ(ErrorOf(response), "ArgumentInvalid");
}
INSTANTIATE_TEST_SUITE_P(
    All, HubRefusal,
    ::testing::Values(BadDevice{"OtherId", "/devices/d", R"({"deviceId":"e"})"},
                      BadDevice{"BadId", "/devices/a%20b", "{}"},
                      BadDevice{"SlashInId", "/devices/a%2Fb", "{}"},
                      BadDevice{"NotJson", "/devices/d", "nope"}, BadDevice{"Array", "/devices/d", "[]"},
                      BadDevice{"Status", "/devices/d", R"({"status":"maybe"})"},
                      BadDevice{"StatusType", "/devices/d", R"({"status":7})"},
                      BadDevice{"ShortKey", "/devices/d",
                                R"({"authentication":{"type":"sas","symmetricKey":{"primaryKey":"AAAA"}}})"},
                      BadDevice{"X509", "/devices/d", R"({"authentication":{"type":"selfSigned"}})"}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace aziot::provisiond
