#include <gtest/gtest.h>

#include "provisiond/api/dps/dps_fixture.h"

namespace aziot::provisiond {
namespace {

TEST_F(DpsTest, EnrolmentKeysAreKeptHiddenAndReplacedOnlyWhenGiven) {
  const Json made = Individual("d1");
  const Json read = Json::parse(Call("GET", "/enrollments/D1").body);
  EXPECT_EQ(read["attestation"]["symmetricKey"], Json::object());
  EXPECT_EQ(read["etag"], made["etag"]);
  Json update = read;
  update["attestation"]["symmetricKey"] = {{"primaryKey", ""}, {"secondaryKey", ""}};
  const http::Response updated =
      Put("/enrollments/d1", update, absl::StrCat("\"", read["etag"].get<std::string>(), "\""));
  ASSERT_EQ(updated.status, 200) << updated.body;
  const Json keys = Json::parse(Call("POST", "/enrollments/d1/attestationmechanism").body);
  EXPECT_EQ(keys["symmetricKey"]["primaryKey"], kKey);
  EXPECT_EQ(keys["symmetricKey"]["secondaryKey"], kOtherKey);

  const http::Response stale = Put("/enrollments/d1", update, read["etag"].get<std::string>());
  EXPECT_EQ(stale.status, 412);
  EXPECT_EQ(Json::parse(stale.body)["errorCode"], 412001);
  EXPECT_EQ(Call("DELETE", "/enrollments/d1").status, 204);
  EXPECT_EQ(Json::parse(Call("GET", "/enrollments/d1").body)["errorCode"], 404201);
}

TEST_F(DpsTest, QueriesArePaged) {
  for (const char* id : {"a", "b", "c"}) Individual(id);
  http::Request request;
  request.method = "POST";
  request.target = "/enrollments/query?api-version=2021-10-01";
  request.headers.Add("Host", "localhost");
  request.headers.Add("Authorization", Owner());
  request.headers.Add("x-ms-max-item-count", "2");
  request.body = R"({"query":"SELECT * FROM enrollments"})";
  const http::Response first = cloud_.router.Handle(request, "192.0.2.7");
  ASSERT_EQ(first.status, 200) << first.body;
  EXPECT_EQ(Json::parse(first.body).size(), 2u);
  request.headers.Add("x-ms-continuation", first.headers.Get("x-ms-continuation"));
  const Json second = Json::parse(cloud_.router.Handle(request, "192.0.2.7").body);
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(second[0]["registrationId"], "c");
}

TEST_F(DpsTest, BulkSaysWhichEntryFailed) {
  Individual("a");
  const Json body = {{"mode", "create"},
                     {"enrollments",
                      {{{"registrationId", "a"}, {"attestation", {{"type", "symmetricKey"}}}},
                       {{"registrationId", "b"}, {"attestation", {{"type", "symmetricKey"}}}}}}};
  const Json answer = Json::parse(Call("POST", "/enrollments/", body.dump()).body);
  EXPECT_EQ(answer["isSuccessful"], false) << answer;
  ASSERT_EQ(answer["errors"].size(), 1u);
  EXPECT_EQ(answer["errors"][0]["registrationId"], "a");
  EXPECT_EQ(answer["errors"][0]["errorCode"], 409201);
  EXPECT_EQ(Call("GET", "/enrollments/b").status, 200);
}

TEST_F(DpsTest, BulkNeedsAKnownModeAndAtMostTenEntries) {
  EXPECT_EQ(Call("POST", "/enrollments", R"({"mode":"frobnicate","enrollments":[]})").status, 400);
  Json body = {{"mode", "delete"}, {"enrollments", Json::array()}};
  EXPECT_EQ(Call("POST", "/enrollments", body.dump()).status, 200);
  for (int i = 0; i < 11; ++i) body["enrollments"].push_back({{"registrationId", absl::StrCat("d", i)}});
  EXPECT_EQ(Json::parse(Call("POST", "/enrollments", body.dump()).body)["errorCode"], 400205);
}

TEST_F(DpsTest, AnIdTwiceInABulkListIsRefusedTheSecondTime) {
  const Json entry = {{"registrationId", "a"}, {"attestation", {{"type", "symmetricKey"}}}};
  Json other = entry;
  other["registrationId"] = "A";
  const Json body = {{"mode", "create"}, {"enrollments", {entry, other}}};
  const Json answer = Json::parse(Call("POST", "/enrollments", body.dump()).body);
  ASSERT_EQ(answer["errors"].size(), 1u) << answer;
  EXPECT_EQ(answer["errors"][0]["errorCode"], 400206);
  EXPECT_EQ(answer["errors"][0]["registrationId"], "A");
}

TEST_F(DpsTest, QueriesHaveConditionsAndShowWhatBecameOfADevice) {
  Individual("a", {{"provisioningStatus", "disabled"}});
  Individual("b", {{"deviceId", "Device-B"}, {"credentialPolicyName", "p"}});
  ASSERT_EQ(cloud_.Provision("b", kKey)["status"], "assigned");
  const auto ask = [&](const char* query) {
    return Call("POST", "/enrollments/query", Json{{"query", query}}.dump());
  };
  const Json enabled =
      Json::parse(ask("SELECT * FROM enrollments WHERE provisioningStatus = 'enabled'").body);
  ASSERT_EQ(enabled.size(), 1u);
  EXPECT_EQ(enabled[0]["registrationId"], "b");
  EXPECT_EQ(enabled[0]["credentialPolicyName"], "p");
  EXPECT_EQ(enabled[0]["registrationState"]["deviceId"], "Device-B");
  EXPECT_EQ(
      Json::parse(ask("select * from enrollments where registrationState.status = 'assigned'").body).size(),
      1u);
  EXPECT_EQ(Json::parse(ask("*").body).size(), 2u);
  EXPECT_EQ(ask("SELECT * FROM enrollmentGroups").status, 400);
  EXPECT_EQ(ask("SELECT COUNT() AS n FROM enrollments").status, 400);
  EXPECT_EQ(ask("SELECT * FROM enrollments WHERE").status, 400);
}

TEST_F(DpsTest, AServiceTokenNeedsItsPolicyAndResource) {
  const std::string target = "/enrollments/x?api-version=2021-10-01";
  EXPECT_EQ(cloud_.Send("GET", target, cloud_.PolicyToken("iothubowner")).status, 401);
  EXPECT_EQ(cloud_.Send("GET", target, cloud_.PolicyToken("provisioningserviceowner", "elsewhere")).status,
            401);
  EXPECT_EQ(
      cloud_.Send("GET", target, cloud_.PolicyToken("provisioningserviceowner", "localhost/enrollments"))
          .status,
      404);
}

}  // namespace
}  // namespace aziot::provisiond
