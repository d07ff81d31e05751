// What a device does without its cloud: it waits for the first assignment, keeps the one it has, and comes
// back by itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "common/files/files.h"
#include "tests/support/suite.h"

namespace aziot::tests {
namespace {

using Json = nlohmann::json;

constexpr uid_t kAgent = 64020;
constexpr char kIdentity[] = "/identities/identity?api-version=2020-09-01";

class OutageTest : public ::testing::Test {
 protected:
  // An enrolled device whose agent is registered; the cloud runs, the daemons do not yet.
  void SetUp() override {
    suite_.StartCloud();
    const Output enrolled = suite_.Provisionctl("enrollment create my-device --json");
    ASSERT_EQ(enrolled.status, 0) << enrolled.text;
    const std::string key = Json::parse(enrolled.text).at("keys").at("primaryKey");
    const Json status = Json::parse(suite_.Provisionctl("status --json").text);
    const std::string scope = status.at("scopes").at(0);
    const std::string toml = absl::StrCat(
        "[provisioning]\nsource = \"dps\"\nglobal_endpoint = \"https://", suite_.hub(), "/\"\nid_scope = \"",
        scope,
        "\"\n[provisioning.attestation]\nmethod = \"symmetric_key\"\nregistration_id = \"my-device\"\n",
        "symmetric_key = { value = \"", key, "\" }\n");
    ASSERT_TRUE(files::Replace(suite_.root().Join("etc/aziot/config.toml"), toml, 0600).ok());
    const Output applied = suite_.Aziotctl("config apply");
    ASSERT_EQ(applied.status, 0) << applied.text;
    ASSERT_TRUE(files::Replace(suite_.root().Join("etc/aziot/identityd/config.d/agent.toml"),
                               absl::StrCat("[[principal]]\nuid = ", kAgent,
                                            "\nname = \"agent\"\nidtype = [\"module\"]\n"),
                               0644)
                    .ok());
    suite_.StartKeyd();
  }
  http::Response Identity() { return suite_.Ask(kAgent, "identityd", "GET", kIdentity); }
  std::string Generation(const http::Response& answer) {
    return Json::parse(answer.body).at("spec").at("genId");
  }
  Json Status() {
    return Json::parse(suite_.Ask(0, "identityd", "GET", "/status?api-version=2026-12-01").body);
  }

  Suite suite_;
};

TEST_F(OutageTest, KnownIdentityOutlivesTheCloudAndTheDaemon) {
  suite_.StartIdentityd();
  ASSERT_TRUE(Eventually([&] { return suite_.IsReady("identityd"); })) << suite_.identityd().Log();
  const http::Response first = Identity();
  ASSERT_EQ(first.status, 200) << first.body << suite_.identityd().Log();

  suite_.cloud().Stop(SIGKILL);
  EXPECT_EQ(Identity().status, 200);
  suite_.identityd().Stop(SIGKILL);
  suite_.StartIdentityd();
  ASSERT_TRUE(Eventually([&] { return Identity().status == 200; })) << suite_.identityd().Log();
  EXPECT_EQ(Generation(Identity()), Generation(first));
  EXPECT_EQ(
      suite_.Ask(0, "identityd", "POST", "/identities/device?api-version=2020-09-01", R"({"type":"aziot"})")
          .status,
      200);

  // A reprovision that fails does not take the device away.
  const Output failed = suite_.Aziotctl("system reprovision 2>&1");
  EXPECT_EQ(failed.status, 1) << failed.text;
  EXPECT_THAT(failed.text, ::testing::HasSubstr("DPS client error"));
  EXPECT_EQ(Identity().status, 200);

  suite_.StartCloud();
  const Output reprovisioned = suite_.Aziotctl("system reprovision 2>&1");
  EXPECT_EQ(reprovisioned.status, 0) << reprovisioned.text << suite_.identityd().Log();
  EXPECT_EQ(Generation(Identity()), Generation(first)) << "the module is kept, not recreated";
}

TEST_F(OutageTest, WaitsForACloudThatIsNotThereAtTheFirstStart) {
  suite_.cloud().Stop(SIGTERM);
  suite_.StartIdentityd();
  ASSERT_TRUE(Eventually([&] {
    const auto answer = suite_.Ask(0, "identityd", "POST", "/identities/device?api-version=2020-09-01",
                                   R"({"type":"aziot"})");
    return answer.status == 404 && answer.body.find("DPS client error") != std::string::npos;
  })) << suite_.identityd().Log();
  EXPECT_TRUE(suite_.identityd().Runs());
  EXPECT_FALSE(suite_.IsReady("identityd"));
  EXPECT_NE(Status().at("provisioning"), "provisioned");

  suite_.StartCloud();
  ASSERT_TRUE(Eventually([&] { return suite_.IsReady("identityd"); })) << suite_.identityd().Log();
  EXPECT_EQ(Identity().status, 200);
  EXPECT_EQ(Status().at("provisioning"), "provisioned");
}

}  // namespace
}  // namespace aziot::tests
