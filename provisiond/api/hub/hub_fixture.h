// For tests: a cloud, and who asks its hub for something.
#pragma once

#include <gtest/gtest.h>

#include "provisiond/testing/cloud.h"

namespace aziot::provisiond {

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

}  // namespace aziot::provisiond
