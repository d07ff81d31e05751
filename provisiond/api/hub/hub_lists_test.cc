#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "provisiond/api/hub/hub_fixture.h"

namespace aziot::provisiond {
namespace {

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

TEST_F(HubTest, ABulkItemBringsItsTwin) {
  const http::Response made = Own("POST", "/devices",
                                  R"([{"id":"a","importMode":"create","tags":{"line":"x"},
                                       "properties":{"desired":{"rate":5}},"deviceScope":"s","parentScopes":["p"]},
                                      {"id":"a","moduleId":"m","importMode":"create","tags":{"of":"m"}}])");
  ASSERT_EQ(made.status, 200) << made.body;
  const Json twin = Json::parse(Own("GET", "/twins/a").body);
  EXPECT_EQ(twin["tags"]["line"], "x");
  EXPECT_EQ(twin["properties"]["desired"]["rate"], 5);
  EXPECT_EQ(Json::parse(Own("GET", "/twins/a/modules/m").body)["tags"]["of"], "m");
  const Json device = Json::parse(Own("GET", "/devices/a").body);
  EXPECT_EQ(device["deviceScope"], "s");
  EXPECT_EQ(device["parentScopes"], Json::array({"p"}));

  const http::Response changed =
      Own("POST", "/devices", R"([{"id":"a","importMode":"update","tags":{"line":null,"next":1}}])");
  ASSERT_EQ(changed.status, 200) << changed.body;
  EXPECT_EQ(Json::parse(Own("GET", "/twins/a").body)["tags"], (Json{{"next", 1}}));
  // The device and its twin stand or fall together.
  EXPECT_EQ(Own("POST", "/devices", R"([{"id":"b","importMode":"create","tags":"none"}])").status, 400);
  EXPECT_EQ(Own("GET", "/devices/b").status, 404);
}

TEST_F(HubTest, QueriesHaveConditionsAndPages) {
  for (int i = 0; i < 30; ++i) {
    Own("POST", "/devices",
        Json::array({{{"id", absl::StrCat("d", i)}, {"importMode", "create"}, {"tags", {{"n", i}}}}}).dump());
  }
  std::string after;
  std::vector<int> seen;
  do {
    http::Request request;
    request.method = "POST";
    request.target = absl::StrCat("/devices/query", kVersion);
    request.headers.Add("Host", "localhost");
    request.headers.Add("Authorization", cloud_.PolicyToken("iothubowner"));
    request.headers.Add("x-ms-max-item-count", "4");
    if (!after.empty()) request.headers.Add("x-ms-continuation", after);
    request.body = R"({"query":"SELECT * FROM devices WHERE tags.n >= 20 AND status = 'enabled'"})";
    const http::Response page = cloud_.router.Handle(request, "192.0.2.7");
    ASSERT_EQ(page.status, 200) << page.body;
    EXPECT_EQ(page.headers.Get("x-ms-item-type"), "twin");
    const Json list = Json::parse(page.body);
    EXPECT_LE(list.size(), 4u);
    for (const Json& twin : list) seen.push_back(twin["tags"]["n"]);
    after = std::string(page.headers.Get("x-ms-continuation"));
  } while (!after.empty());
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(seen, (std::vector<int>{20, 21, 22, 23, 24, 25, 26, 27, 28, 29}));
  const Json count = Json::parse(
      Own("POST", "/devices/query", R"({"query":"SELECT COUNT() AS n FROM devices WHERE tags.n < 7"})").body);
  EXPECT_EQ(count[0]["n"], 7);
}

TEST_F(HubTest, ABatchIsAsManyMessages) {
  const std::string key = Make("d1");
  const auto send = [&](const char* body) {
    http::Request request;
    request.method = "POST";
    request.target = absl::StrCat("/devices/d1/messages/events", kVersion);
    request.headers.Add("Host", "localhost");
    request.headers.Add("Content-Type", "application/vnd.microsoft.iothub.json");
    request.headers.Add("Authorization", cloud_.DeviceToken(key, "d1"));
    request.body = body;
    return cloud_.router.Handle(request, "192.0.2.7").status;
  };
  EXPECT_EQ(
      send(R"([{"body":"b25l","properties":{"iothub-app-a":"1"}},{"body":"two","base64Encoded":false}])"),
      204);
  for (const char* bad : {"[]", "{}", "[1]", R"([{"body":"b25l"},{"body":"!"}])"})
    EXPECT_EQ(send(bad), 400) << bad;
  const auto device = cloud_.registry.GetDevice(cloud_.hubs->Default().id, "d1");
  const auto messages = *cloud_.telemetry.List(device->id);
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(ToText(messages[0].body), "one");
  EXPECT_EQ(messages[0].properties, R"({"a":"1"})");
  EXPECT_EQ(ToText(messages[1].body), "two");
}

}  // namespace
}  // namespace aziot::provisiond
