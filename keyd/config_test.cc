#include "keyd/config.h"

#include <gmock/gmock.h>

#include "common/testing/status_matchers.h"

namespace aziot::keyd {
namespace {

using aziot::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(KeydConfigTest, NothingConfigured) {
  const auto config = ParseKeydConfig("");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_FALSE(config->backend.homedir_path.has_value());
  EXPECT_TRUE(config->principals.empty());
  EXPECT_EQ(config->max_requests, 10u);
  EXPECT_TRUE(config->grpc);
}

TEST(KeydConfigTest, EverythingConfigured) {
  const auto config = ParseKeydConfig(R"(
max_requests = 50
grpc = false
[aziot_keys]
homedir_path = "/var/lib/aziot/keyd"
[preloaded_keys]
"aziot-edged-ca" = "file:///etc/ca%20key.pem"
hsm = "pkcs11:token=t;object=o"
[[principal]]
uid = 1000
keys = ["a*", "b"]
[[principal]]
uid = 1000
keys = ["c"]
[limits]
body_bytes = 1000
)");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->backend.homedir_path, "/var/lib/aziot/keyd");
  EXPECT_EQ(config->backend.preloaded_files.at("aziot-edged-ca"), "/etc/ca key.pem");
  EXPECT_TRUE(config->backend.preloaded_on_token.contains("hsm"));
  EXPECT_EQ(config->max_requests, 50u);
  EXPECT_FALSE(config->grpc);
  EXPECT_EQ(config->limits.body_bytes(), 1000u);
  ASSERT_EQ(config->principals.size(), 2u);
  EXPECT_EQ(config->principals[0].uid, 1000u);
  EXPECT_THAT(config->principals[0].patterns, ElementsAre("a*", "b"));
  EXPECT_TRUE(config->warnings.empty());
}

struct BadCase {
  const char* name;
  const char* toml;
  const char* named;
};
class BadKeydConfigTest : public ::testing::TestWithParam<BadCase> {};

TEST_P(BadKeydConfigTest, IsRefusedByName) {
  EXPECT_THAT(ParseKeydConfig(GetParam().toml),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(GetParam().named)));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadKeydConfigTest,
    ::testing::Values(BadCase{"UnknownParameter", "[aziot_keys]\nhome = \"/x\"", "home"},
                      BadCase{"ParameterOfAnotherType", "[aziot_keys]\nhomedir_path = 1", "homedir_path"},
                      BadCase{"PreloadedWithoutId", "[preloaded_keys]\n\"\" = \"file:///x\"",
                              "preloaded_keys"},
                      BadCase{"PreloadedElsewhere", "[preloaded_keys]\nca = \"https://x\"", "ca"},
                      BadCase{"PreloadedPath", "[preloaded_keys]\nca = \"/x\"", "ca"},
                      BadCase{"PrincipalWithoutUid", "[[principal]]\nkeys = [\"a\"]", "uid"},
                      BadCase{"NoRequests", "max_requests = 0", "max_requests"},
                      BadCase{"NoBody", "[limits]\nbody_bytes = 0", "body_bytes"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(KeydConfigTest, WhatHasNoEffectIsWarnedOf) {
  const auto config = ParseKeydConfig("[aziot_keys]\npkcs11_base_slot = \"pkcs11:token=t\"");
  ASSERT_TRUE(config.ok());
  EXPECT_THAT(config->warnings, ElementsAre(HasSubstr("pkcs11_base_slot")));
}

TEST(BackendsTest, WhatIsNotThereYetIsNamed) {
  EXPECT_THAT(NewKeyBackend({.pkcs11_lib_path = "/x.so"}),
              StatusIs(absl::StatusCode::kUnimplemented,
                       AllOf(HasSubstr("pkcs11_lib_path"), HasSubstr("not supported yet"))));
  EXPECT_THAT(NewKeyBackend({.key_library = "/x.so"}),
              StatusIs(absl::StatusCode::kUnimplemented,
                       AllOf(HasSubstr("key_library"), HasSubstr("not supported yet"))));
}

TEST(BackendsTest, FilesServeOtherwise) {
  const auto backend = NewKeyBackend({.preloaded_on_token = {"hsm"}});
  ASSERT_TRUE(backend.ok());
  EXPECT_THAT((*backend)->LoadKey(*KeyId::Parse("hsm")), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace aziot::keyd
