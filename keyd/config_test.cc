#include "keyd/config.h"

#include <gmock/gmock.h>

#include "common/testing/status_matchers.h"

namespace aziot::keyd {
namespace {

using aziot::testing::StatusIs;
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
pkcs11_lib_path = "/x.so"
pkcs11_base_slot = "pkcs11:token=t?pin-value=1234&module-path=/x.so"
tpm_tcti = "device"
tpm_parent = "0x81000002"
tpm_owner_auth = "o"
tpm_parent_auth = "p"
tpm_symmetric = "file"
[preloaded_keys]
tpm = "tpm:handle=0x81000100"
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
  EXPECT_EQ(config->backend.preloaded.at("aziot-edged-ca"), uri::Uri(uri::FileUri{"/etc/ca key.pem"}));
  EXPECT_EQ(std::get<uri::Pkcs11Uri>(config->backend.preloaded.at("hsm")).object, "o");
  EXPECT_EQ(std::get<uri::TpmUri>(config->backend.preloaded.at("tpm")).object,
            (std::variant<uint32_t, std::string>(0x81000100u)));
  EXPECT_EQ(config->backend.pkcs11_lib_path, "/x.so");
  EXPECT_EQ(config->backend.pkcs11_base_slot->token, "t");
  ASSERT_TRUE(config->backend.tpm.has_value());
  EXPECT_EQ(*config->backend.tpm, (TpmKeyOptions{"device", 0x81000002, "o", "p", false}));
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
    ::testing::Values(
        BadCase{"UnknownParameter", "[aziot_keys]\nhome = \"/x\"", "home"},
        BadCase{"ParameterOfAnotherType", "[aziot_keys]\nhomedir_path = 1", "homedir_path"},
        BadCase{"PreloadedWithoutId", "[preloaded_keys]\n\"\" = \"file:///x\"", "preloaded_keys"},
        BadCase{"PreloadedElsewhere", "[preloaded_keys]\nca = \"https://x\"", "ca"},
        BadCase{"PreloadedPath", "[preloaded_keys]\nca = \"/x\"", "ca"},
        BadCase{"SlotOfAFile", "[aziot_keys]\npkcs11_base_slot = \"file:///x\"", "pkcs11_base_slot"},
        BadCase{"SlotWithoutToken", "[aziot_keys]\npkcs11_base_slot = \"pkcs11:object=x\"",
                "pkcs11_base_slot"},
        BadCase{"SlotOfAnotherModule",
                "[aziot_keys]\npkcs11_lib_path = \"/x.so\"\n"
                "pkcs11_base_slot = \"pkcs11:token=t?module-path=/y.so\"",
                "pkcs11_base_slot: its module-path"},
        BadCase{"PreloadedOfAnotherModule", "[preloaded_keys]\nca = \"pkcs11:token=t?module-path=/y.so\"",
                "\"ca\": its module-path"},
        BadCase{"TpmWithoutHome", "[aziot_keys]\ntpm_tcti = \"device\"", "homedir_path"},
        BadCase{"TpmParent", "[aziot_keys]\nhomedir_path = \"/x\"\ntpm_tcti = \"\"\ntpm_parent = \"1\"",
                "tpm_parent"},
        BadCase{"TpmSymmetric", "[aziot_keys]\nhomedir_path = \"/x\"\ntpm_tcti = \"\"\ntpm_symmetric = \"x\"",
                "tpm_symmetric"},
        BadCase{"TpmAuth",
                "[aziot_keys]\nhomedir_path = \"/x\"\ntpm_tcti = \"\"\ntpm_owner_auth = "
                "\"0123456789012345678901234567890123456789012345678901234567890123x\"",
                "tpm_owner_auth"},
        BadCase{"PrincipalWithoutUid", "[[principal]]\nkeys = [\"a\"]", "uid"},
        BadCase{"NoRequests", "max_requests = 0", "max_requests"},
        BadCase{"NoBody", "[limits]\nbody_bytes = 0", "body_bytes"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(KeydConfigTest, WhatHasNoEffectIsWarnedOf) {
  const auto config = ParseKeydConfig("[aziot_keys]\npkcs11_base_slot = \"pkcs11:token=t\"");
  ASSERT_TRUE(config.ok());
  EXPECT_THAT(config->warnings, ElementsAre(HasSubstr("pkcs11_base_slot")));
}

TEST(KeydConfigTest, TpmOptionsAloneAreWarnedOf) {
  const auto config = ParseKeydConfig("[aziot_keys]\ntpm_parent = \"0x81000001\"");
  ASSERT_TRUE(config.ok());
  EXPECT_THAT(config->warnings, ElementsAre(HasSubstr("tpm_parent")));
}

TEST(KeydConfigTest, ALibraryIsGivenEveryParameter) {
  const auto config = ParseKeydConfig(R"(
key_library = "/x.so"
[aziot_keys]
whatever = "1"
[preloaded_keys]
ca = "pkcs11:token=t"
)");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->backend.key_library, "/x.so");
  EXPECT_EQ(config->backend.library_parameters.at("whatever"), "1");
  EXPECT_EQ(config->backend.library_preloaded.at("ca"), "pkcs11:token=t");
  EXPECT_FALSE(ParseKeydConfig("key_library = \"/x.so\"\n[preloaded_keys]\nca = \"/x\"").ok());
}

TEST(BackendsTest, FilesServeWhatNamesATokenThatIsNotConfigured) {
  const auto backend = NewKeyBackend(
      {.preloaded = {{"hsm", uri::Pkcs11Uri{.token = "t"}}, {"tpm", uri::TpmUri{0x81000001u}}}});
  ASSERT_TRUE(backend.ok());
  for (const char* id : {"hsm", "tpm"}) {
    EXPECT_THAT((*backend)->LoadKey(*KeyId::Parse(id)), StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

}  // namespace
}  // namespace aziot::keyd
