// Each folder through the library.
#include "aziotctl/super_config/split.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "aziotctl/super_config/super_config.h"
#include "tests/golden/golden_case.h"

namespace aziot::tests {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

absl::StatusOr<ctl::DaemonConfigs> SplitCase(const GoldenCase& golden) {
  const auto super = ctl::LoadSuperConfig(golden.Path("config.toml"));
  if (!super.ok()) return super.status();
  EXPECT_THAT(super->warnings, IsEmpty());
  return ctl::Split(super->message,
                    {.root = "", .hostname = "my-device", .certd_uid = 5555, .identityd_uid = 5556});
}

TEST(Golden, EveryCaseOfTheContractIsThere) { EXPECT_THAT(GoldenCases(), SizeIs(21 + 1)); }

class GoldenSplit : public ::testing::TestWithParam<GoldenCase> {};
TEST_P(GoldenSplit, MakesTheseBytes) {
  const GoldenCase& golden = GetParam();
  const auto configs = SplitCase(golden);
  if (golden.Has("error")) {
    ASSERT_FALSE(configs.ok());
    EXPECT_EQ(absl::StrCat(configs.status().message(), "\n"), golden.Read("error"));
    return;
  }
  ASSERT_TRUE(configs.ok()) << configs.status();
  EXPECT_EQ(configs->keyd, golden.Read("keyd.toml"));
  EXPECT_EQ(configs->certd, golden.Read("certd.toml"));
  EXPECT_EQ(configs->identityd, golden.Read("identityd.toml"));
  EXPECT_EQ(configs->tpmd, golden.Read("tpmd.toml"));
  ASSERT_EQ(configs->device_key.has_value(), golden.Has("device-id"));
  if (golden.Has("device-id")) {
    EXPECT_EQ(configs->device_key->ExposeText(), golden.Read("device-id"));
  }
  if (golden.Has("warning")) {
    EXPECT_THAT(absl::StrJoin(configs->warnings, "\n"),
                HasSubstr(std::string(absl::StripSuffix(golden.Read("warning"), "\n"))));
  } else {
    EXPECT_THAT(configs->warnings, IsEmpty());
  }
}
INSTANTIATE_TEST_SUITE_P(All, GoldenSplit, ::testing::ValuesIn(GoldenCases()), GoldenName());

}  // namespace
}  // namespace aziot::tests
