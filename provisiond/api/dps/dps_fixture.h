// For tests: a cloud, and who asks its provisioning service for something.
#pragma once

#include <gtest/gtest.h>

#include "provisiond/testing/cloud.h"

namespace aziot::provisiond {

inline const std::string kKey = FormatBase64(Bytes(32, 0x11));
inline const std::string kOtherKey = FormatBase64(Bytes(32, 0x22));

class DpsTest : public ::testing::Test {
 protected:
  http::Response Put(absl::string_view path, const Json& body, absl::string_view if_match = "") {
    return cloud_.Send("PUT", absl::StrCat(path, "?api-version=2021-10-01"), Owner(), body.dump(), if_match);
  }
  http::Response Call(absl::string_view method, absl::string_view path, absl::string_view body = "") {
    return cloud_.Send(method, absl::StrCat(path, "?api-version=2021-10-01"), Owner(), body);
  }
  std::string Owner() { return cloud_.PolicyToken("provisioningserviceowner"); }

  Json Individual(absl::string_view id, Json more = Json::object()) {
    Json entry = {
        {"registrationId", std::string(id)},
        {"attestation",
         {{"type", "symmetricKey"}, {"symmetricKey", {{"primaryKey", kKey}, {"secondaryKey", kOtherKey}}}}}};
    entry.update(more);
    const http::Response made = Put(absl::StrCat("/enrollments/", id), entry);
    EXPECT_EQ(made.status, 200) << made.body;
    return Json::parse(made.body);
  }
  // The key of a device of the group "fleet", which is made on the way.
  std::string GroupDeviceKey(absl::string_view id) {
    const http::Response made = Put("/enrollmentGroups/Fleet", {{"enrollmentGroupId", "Fleet"},
                                                                {"attestation", {{"type", "symmetricKey"}}}});
    EXPECT_EQ(made.status, 200) << made.body;
    const std::string key = Json::parse(made.body)["attestation"]["symmetricKey"]["primaryKey"];
    return FormatBase64(DeriveDeviceKey(*ParseKey(key), id).Expose());
  }

  testing::TempDir directory_;
  Cloud cloud_{directory_.path()};
};

}  // namespace aziot::provisiond
