#include "identityd/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/testing/status_matchers.h"

namespace aziot::identityd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;

constexpr char kDps[] = R"(
hostname = "host"
homedir = "/var/lib/aziot/identityd"
[provisioning]
source = "dps"
global_endpoint = "https://dps.example"
scope_id = "0ne"
[provisioning.attestation]
method = "symmetric_key"
registration_id = "r1"
symmetric_key = "device-id"
)";

TEST(ConfigTest, ReadsWhatTheCommandLineWrites) {
  const auto config = LoadConfigText("x", absl::StrCat(kDps, R"(
[[principal]]
uid = 0
name = "m0"
idtype = ["module"]
[[principal]]
uid = 64001
name = "aziot-edge"
[[principal]]
uid = 64002
name = "m2"
idtype = []
)"));
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->options.provisioning().attestation().registration_id().cn(), "r1");
  EXPECT_EQ(config->cloud_timeout(), absl::Seconds(70));
  EXPECT_EQ(config->cloud_retries(), 1);
  EXPECT_THAT(config->principals.ModuleNames(), ElementsAre("m0"));
  EXPECT_EQ(config->principals.Identify({.uid = 64001}).kind, CallerKind::kDaemon);
  EXPECT_EQ(config->principals.Identify({.uid = 64002}).kind, CallerKind::kHostProcess);
}

struct BadCase {
  const char* name;
  const char* more;  // before the tables
  const char* tables;
  const char* message;
};
class BadConfig : public ::testing::TestWithParam<BadCase> {};

TEST_P(BadConfig, IsRefusedByName) {
  const auto config = LoadConfigText("x", absl::StrCat(GetParam().more, kDps, GetParam().tables));
  EXPECT_THAT(config, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(GetParam().message)));
}
INSTANTIATE_TEST_SUITE_P(
    All, BadConfig,
    ::testing::Values(
        BadCase{"Timeout", "cloud_timeout_sec = 69\n", "", "cloud_timeout_sec must be at least 70 seconds"},
        BadCase{"IdType", "", "[[principal]]\nuid = 1\nname = \"m\"\nidtype = [\"root\"]\n",
                "invalid config for m"},
        BadCase{"Twice", "", "[[principal]]\nuid = 1\nname = \"m\"\n[[principal]]\nuid = 2\nname = \"m\"\n",
                "duplicate module name: m"},
        BadCase{"Product", "product_info = \"a\\r\\nb\"\n", "", "product_info: expected printable ASCII"},
        BadCase{"NoUid", "", "[[principal]]\nname = \"m\"\n", "uid"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(ConfigTest, ApiVersionsMustFitIntoAnAddress) {
  for (const char* key : {"dps_api_version", "hub_api_version"}) {
    const auto with = [key](const char* value) {
      return LoadConfigText(
          "x", absl::StrCat("hostname = \"h\"\nhomedir = \"/d\"\n[provisioning]\nsource = \"none\"\n", key,
                            " = \"", value, "\"\n"));
    };
    EXPECT_THAT(with("2021-10-01"), IsOk());
    for (const char* bad : {"", "2021&x", "2021 10"}) {
      EXPECT_THAT(with(bad), StatusIs(absl::StatusCode::kInvalidArgument,
                                      HasSubstr(absl::StrCat("provisioning.", key))));
    }
  }
}

TEST(ConfigTest, WhatOnlyARestartAppliesIsNamed) {
  const auto running = LoadConfigText("x", kDps);
  const auto same =
      LoadConfigText("x", absl::StrCat("cloud_retries = 3\nprefer_module_identity_cache = true\n", kDps,
                                       "[[principal]]\nuid = 1\nname = \"m\"\n"));
  ASSERT_THAT(same, IsOk());
  EXPECT_THAT(KeysThatNeedARestart(*running, *same), ::testing::IsEmpty());
  const auto changed =
      LoadConfigText("x", absl::StrCat("max_requests = 10\ngrpc = false\nproduct_info = \"acme/1\"\n", kDps,
                                       "[limits]\nbody_bytes = 4096\n"));
  ASSERT_THAT(changed, IsOk());
  EXPECT_THAT(KeysThatNeedARestart(*running, *changed),
              ElementsAre("max_requests", "[limits]", "grpc", "product_info"));
}

TEST(ConfigTest, OptionsWithoutEffectAreWarnedOf) {
  const auto config = LoadConfigText("x", absl::StrCat(kDps, R"(
[provisioning.attestation.identity_auto_renew]
rotate_key = true
threshold = "80%"
retry = "4%"
)"));
  ASSERT_THAT(config, IsOk());
  EXPECT_THAT(config->warnings, ElementsAre(HasSubstr("identity_auto_renew has no effect")));
}

TEST(ConfigTest, ManyRetriesAreNotNone) {
  const auto config = LoadConfigText("x", absl::StrCat("cloud_retries = 4294967295\n", kDps));
  ASSERT_THAT(config, IsOk());
  EXPECT_GT(config->cloud_retries(), 1);
}

TEST(ConfigTest, SettingsReadBackAsTheyWere) {
  const auto config = LoadConfigText("x", absl::StrCat(kDps, R"(
[provisioning.attestation.identity_auto_renew]
rotate_key = true
threshold = "80%"
retry = "4%"
[localid]
domain = "a \"quoted\" name"
[[principal]]
uid = 0
name = "m\\0"
idtype = ["module", "local"]
localid = { type = "x509", attributes = "server" }
[[principal]]
uid = 64001
name = "aziot-edge"
[[principal]]
uid = 64002
name = "m2"
idtype = []
)"));
  ASSERT_THAT(config, IsOk());
  const std::string text = FormatSettings(config->options);
  const auto again = LoadConfigText("prev_state", text);
  ASSERT_THAT(again, IsOk()) << text;
  EXPECT_EQ(FormatSettings(again->options), text);
  config::v1::Identityd expected = config->options;
  expected.set_prefer_module_identity_cache(false);
  EXPECT_EQ(again->options.SerializeAsString(), expected.SerializeAsString()) << text;
  EXPECT_THAT(ParsePreviousModules(text), ElementsAre("m\\0"));
}

TEST(ConfigTest, DamagedSettingsNameNoModules) {
  EXPECT_TRUE(ParsePreviousModules("{").empty());
  EXPECT_TRUE(ParsePreviousModules("").empty());
}

}  // namespace
}  // namespace aziot::identityd
