#include "keyd/tpmd_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "common/testing/status_matchers.h"

namespace aziot::keyd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::StatusIs;

TEST(TpmdConfig, AnEmptyFileIsEnough) {
  const auto config = ParseTpmdConfig("");
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->tcti, "device");
  EXPECT_EQ(config->auth_key_handle, 0x81000100u);
  EXPECT_TRUE(config->owner_auth.empty());
  EXPECT_TRUE(config->endorsement_auth.empty());
  EXPECT_EQ(config->max_requests, 10u);
  EXPECT_TRUE(config->grpc);
  EXPECT_THAT(config->warnings, IsEmpty());
}

TEST(TpmdConfig, EverythingSet) {
  const auto config = ParseTpmdConfig(R"(
max_requests = 40
tcti = "swtpm:host=127.0.0.1,port=2321"
auth_key_index = 0x7F_FF_FF
grpc = false
[hierarchy_authorization]
endorsement = "of the endorsement hierarchy"
owner = "of the owner"
[limits]
body_seconds = 7
[[principal]]
uid = 0
)");
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->max_requests, 40u);
  EXPECT_EQ(config->tcti, "swtpm:host=127.0.0.1,port=2321");
  EXPECT_EQ(config->auth_key_handle, 0x817fffffu);
  EXPECT_FALSE(config->grpc);
  EXPECT_EQ(config->endorsement_auth.ExposeText(), "of the endorsement hierarchy");
  EXPECT_EQ(config->owner_auth.ExposeText(), "of the owner");
  EXPECT_EQ(config->limits.body_seconds(), 7u);
  EXPECT_THAT(config->warnings, ElementsAre(HasSubstr("principal"))) << "there are none here";
}

TEST(TpmdConfig, TextsMayBeBytesAndTheIndexText) {
  const auto config = ParseTpmdConfig(R"(
tcti = [115, 119, 116, 112, 109]
auth_key_index = "0x00_01_02"
hierarchy_authorization = { endorsement = [255, 1], owner = [111] }
)");
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->tcti, "swtpm");
  EXPECT_EQ(config->auth_key_handle, 0x81000102u);
  EXPECT_EQ(config->endorsement_auth.ExposeText(), "\xff\x01");
  EXPECT_EQ(config->owner_auth.ExposeText(), "o");
}

TEST(TpmdConfig, NoTctiAtAllIsTheTssOwnSearch) {
  const auto config = ParseTpmdConfig("tcti = ''");
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->tcti, "");
}

struct BadCase {
  const char* name;
  std::string toml;
  const char* says;
};
class BadTpmdConfig : public ::testing::TestWithParam<BadCase> {};

TEST_P(BadTpmdConfig, NamesTheOption) {
  EXPECT_THAT(ParseTpmdConfig(GetParam().toml),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(GetParam().says)));
}
INSTANTIATE_TEST_SUITE_P(
    All, BadTpmdConfig,
    ::testing::Values(
        BadCase{"IndexTooLarge", "auth_key_index = 0x800000",
                "auth_key_index: expected an integer in range 0x00_00_00..=0x7F_FF_FF"},
        BadCase{"IndexBelowZero", "auth_key_index = -1", "integer in range 0x00_00_00..=0x7F_FF_FF"},
        BadCase{"IndexOfAnotherType", "auth_key_index = [1]", "integer in range 0x00_00_00..=0x7F_FF_FF"},
        BadCase{"IndexOfTheSrk", "auth_key_index = 1", "0x81000001 is the handle of the storage root key"},
        BadCase{"IndexOfTheEk", "auth_key_index = 0x010001",
                "0x81010001 is the handle of the endorsement key"},
        BadCase{"LongPassword", absl::StrCat("hierarchy_authorization.owner = '", std::string(65, 'p'), "'"),
                "hierarchy_authorization.owner: expected at most 64 bytes, found 65"},
        BadCase{"NulInPassword", "hierarchy_authorization.endorsement = \"a\\u0000\"",
                "hierarchy_authorization.endorsement: no NUL may be in it"},
        BadCase{"NulAmongBytes", "tcti = [115, 0]", "tcti: expected a string or an array of byte values"},
        BadCase{"NoRequests", "max_requests = 0", "max_requests: must be at least 1"},
        BadCase{"NoToml", "tcti = = 1", "config.toml:1"}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace aziot::keyd
