#include "common/ids/id.h"

#include <gtest/gtest.h>

#include <type_traits>

namespace aziot {
namespace {

static_assert(!std::is_convertible_v<CertId, KeyId>);

struct IdCase {
  const char* name;
  absl::string_view text;
  bool ok;
};
class KeyIdTest : public testing::TestWithParam<IdCase> {};

TEST_P(KeyIdTest, AcceptsAnyUtf8WithoutNul) { EXPECT_EQ(KeyId::Parse(GetParam().text).ok(), GetParam().ok); }
INSTANTIATE_TEST_SUITE_P(
    All, KeyIdTest,
    testing::Values(IdCase{"Simple", "device-id", true}, IdCase{"Empty", "", true},
                    IdCase{"EdgeModule", "aziot-edged/module/m:637:server", true},
                    IdCase{"TwoBytes", "\xc3\xa9", true}, IdCase{"FourBytes", "\xf0\x9f\x94\x91", true},
                    IdCase{"BrokenUtf8", "a\xff", false}, IdCase{"Overlong", "\xc0\xaf", false},
                    IdCase{"Surrogate", "\xed\xa0\x80", false}, IdCase{"CutShort", "\xe2\x82", false},
                    IdCase{"AboveUnicode", "\xf4\x90\x80\x80", false},
                    IdCase{"EmbeddedNul", absl::string_view("a\0b", 3), false}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace aziot
