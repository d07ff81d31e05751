#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "provisiond/lifecycle/fault.h"
#include "provisiond/testing/cloud.h"

namespace aziot::provisiond {
namespace {

using ::testing::HasSubstr;

constexpr char kVersion[] = "?api-version=2017-11-08-preview";

class HubTest : public ::testing::Test {
 protected:
  http::Response Own(absl::string_view method, absl::string_view path, absl::string_view body = "",
                     absl::string_view if_match = "") {
    return cloud_.Send(method, absl::StrCat(path, kVersion), cloud_.PolicyToken("iothubowner"), body,
                       if_match);
  }
  // Makes the device; its primary key.
  std::string Make(const std::string& id) {
    const http::Response made = Own("PUT", "/devices/" + id, Json{{"deviceId", id}}.dump());
    EXPECT_EQ(made.status, 200) << made.body;
    return Json::parse(made.body)["authentication"]["symmetricKey"]["primaryKey"];
  }
  http::Response As(const std::string& key, const std::string& id, absl::string_view method,
                    absl::string_view path, absl::string_view body = "", absl::string_view if_match = "") {
    return cloud_.Send(method, absl::StrCat(path, kVersion), cloud_.DeviceToken(key, id), body, if_match);
  }
  static std::string ErrorOf(const http::Response& response) {
    return std::string(response.headers.Get("iothub-errorcode"));
  }

  testing::TempDir directory_;
  Cloud cloud_{directory_.path()};
};

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
    ASSERT_TRUE(cloud_.telemetry.Add(device->id, "", ToBytes(absl::StrCat(i)), "{}").ok());
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

TEST_F(HubTest, QueryAndBulk) {
  const http::Response bulk = Own("POST", "/devices",
                                  R"([{"id":"a","importMode":"create"},{"id":"b","importMode":"Create"},
                                      {"id":"a","importMode":"create"},{"id":"b","moduleId":"m","importMode":"create"}])");
  EXPECT_EQ(bulk.status, 400);
  const Json errors = Json::parse(bulk.body)["errors"];
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_EQ(errors[0]["deviceId"], "a");
  EXPECT_EQ(errors[0]["errorCode"], 409001);
  EXPECT_EQ(Json::parse(Own("POST", "/devices/query", R"({"query":"SELECT * FROM devices"})").body).size(),
            2u);
  const Json modules =
      Json::parse(Own("POST", "/devices/query", R"({"query":"select * from devices.modules"})").body);
  ASSERT_EQ(modules.size(), 1u);
  EXPECT_EQ(modules[0]["moduleId"], "m");
  const Json count =
      Json::parse(Own("POST", "/devices/query", R"({"query":"SELECT COUNT() AS n FROM devices"})").body);
  EXPECT_EQ(count[0]["n"], 2);
  EXPECT_EQ(Own("POST", "/devices/query", R"({"query":"DROP TABLE device"})").status, 400);
  EXPECT_EQ(Json::parse(Own("GET", "/statistics/devices").body)["totalDeviceCount"], 2);
}

TEST_F(HubTest, ModulesAreQueriedInPagesOfWholeDevices) {
  for (const char* id : {"a", "b", "c"}) {
    const std::string key = Make(id);
    for (const char* module : {"m1", "m2", "m3"}) {
      As(key, id, "PUT", absl::StrCat("/devices/", id, "/modules/", module), "{}");
    }
  }
  http::Request request;
  request.method = "POST";
  request.target = absl::StrCat("/devices/query", kVersion);
  request.headers.Add("Host", "localhost");
  request.headers.Add("Authorization", cloud_.PolicyToken("iothubowner"));
  request.headers.Add("x-ms-max-item-count", "4");
  request.body = R"({"query":"SELECT * FROM devices.modules"})";
  const http::Response first = cloud_.router.Handle(request, "192.0.2.7");
  EXPECT_EQ(Json::parse(first.body).size(), 6u);
  request.headers.Add("x-ms-continuation", first.headers.Get("x-ms-continuation"));
  const http::Response second = cloud_.router.Handle(request, "192.0.2.7");
  const Json rest = Json::parse(second.body);
  ASSERT_EQ(rest.size(), 3u);
  EXPECT_EQ(rest[0]["deviceId"], "c");
  EXPECT_EQ(second.headers.Find("x-ms-continuation"), nullptr);
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
  EXPECT_EQ(FaultOf(cloud_.telemetry.Add("gone", "", ToBytes("x"), "{}")), Fault::kDeviceNotFound);
}

TEST_F(HubTest, AReasonHas128CharactersHoweverTheyAreWritten) {
  Make("d1");
  std::string reason;
  for (int i = 0; i < 128; ++i) reason += "\xc3\xa4";
  EXPECT_EQ(Own("PUT", "/devices/d1", Json{{"statusReason", reason}}.dump(), "*").status, 200);
  EXPECT_EQ(Own("PUT", "/devices/d1", Json{{"statusReason", reason + "x"}}.dump(), "*").status, 400);
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
