#include "aziotctl/super_config/locations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/testing/status_matchers.h"

namespace aziot::ctl {
namespace {

using testing::IsOk;
using testing::IsOkAndHolds;
using testing::StatusIs;

struct Url {
  const char* text;
  const char* normal;  // "" when refused
};
class NormalUrlTest : public ::testing::TestWithParam<Url> {};
TEST_P(NormalUrlTest, HasOneForm) {
  const auto normal = NormalUrl("o", GetParam().text);
  if (*GetParam().normal == '\0') {
    EXPECT_THAT(normal, StatusIs(absl::StatusCode::kInvalidArgument)) << GetParam().text;
  } else {
    EXPECT_THAT(normal, IsOkAndHolds(std::string(GetParam().normal)));
    EXPECT_THAT(NormalUrl("o", *normal), IsOkAndHolds(*normal));
  }
}
INSTANTIATE_TEST_SUITE_P(
    All, NormalUrlTest,
    ::testing::Values(Url{"https://h", "https://h/"},
                      Url{"HTTPS://H.Example:443/P?q#f", "https://h.example/P?q#f"},
                      Url{"http://h:80", "http://h/"}, Url{"http://h:443/", "http://h:443/"},
                      Url{"https://h:8443/x", "https://h:8443/x"}, Url{"https://h?q", "https://h/?q"},
                      Url{"https://User:Word@H/", "https://User:Word@h/"},
                      Url{"https://[FE80::1]:443/", "https://[fe80::1]/"}, Url{"https://h:/", "https://h/"},
                      Url{"https://", ""}, Url{"h", ""}, Url{"ftp://h/", ""}, Url{"https://h:99999/", ""},
                      Url{"https://h:x/", ""}, Url{"https://a b/", ""}));

TEST(RenewalPolicy, TakesShareMinutesAndDays) {
  for (const char* good : {"1%", "99%", "30min", "7day"})
    EXPECT_THAT(CheckRenewalPolicy("o", good), IsOk()) << good;
  for (const char* bad :
       {"", "0%", "100%", "-1day", "+1day", "0min", "7", "7days", " 7day", "99999999999day"}) {
    EXPECT_THAT(CheckRenewalPolicy("o", bad), StatusIs(absl::StatusCode::kInvalidArgument)) << bad;
  }
}

TEST(Locations, ARefusalNamesTheOptionAndNoPin) {
  const auto refused = KeyLocation("the.option", "pkcs11:object=x?pin-value=1234");
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kInvalidArgument, ::testing::StartsWith("the.option: ")));
  EXPECT_THAT(refused.status().message(), ::testing::Not(::testing::HasSubstr("1234")));
  EXPECT_THAT(FileLocation("o", "pkcs11:token=x"), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace aziot::ctl
