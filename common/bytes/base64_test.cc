#include "common/bytes/base64.h"

#include <gtest/gtest.h>

namespace aziot {
namespace {

struct Base64Case {
  const char* name;
  absl::string_view bytes;
  absl::string_view text;
};
class Base64Test : public testing::TestWithParam<Base64Case> {};

TEST_P(Base64Test, FormatsAndParsesBack) {
  EXPECT_EQ(FormatBase64(ToBytesView(GetParam().bytes)), GetParam().text);
  const auto parsed = ParseBase64(GetParam().text);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(ToText(*parsed), GetParam().bytes);
}
// RFC 4648, section 10.
INSTANTIATE_TEST_SUITE_P(Rfc4648, Base64Test,
                         testing::Values(Base64Case{"Empty", "", ""}, Base64Case{"F", "f", "Zg=="},
                                         Base64Case{"Fo", "fo", "Zm8="}, Base64Case{"Foo", "foo", "Zm9v"},
                                         Base64Case{"Foobar", "foobar", "Zm9vYmFy"},
                                         Base64Case{"PlusSlash", "\xfb\xff\xfe", "+//+"}),
                         [](const auto& info) { return std::string(info.param.name); });

class Base64RefusalTest : public testing::TestWithParam<const char*> {};
TEST_P(Base64RefusalTest, StrictParserRefuses) { EXPECT_FALSE(ParseBase64(GetParam()).ok()); }
INSTANTIATE_TEST_SUITE_P(All, Base64RefusalTest,
                         testing::Values("Zg", "Zg=", "Zm8", "Zh==", "Zm9=", "Zg==\n", " Zg==", "Z-9v",
                                         "Z_9v", "====", "Zg==Zg==", "=Zg="));

TEST(Base64, PeopleMayLeaveOutThePadding) {
  EXPECT_EQ(ToText(*ParseBase64Unpadded("Zg")), "f");
  EXPECT_EQ(ToText(*ParseBase64Unpadded("Zg==")), "f");
  EXPECT_FALSE(ParseBase64Unpadded("Z").ok());
  EXPECT_FALSE(ParseBase64Unpadded("Zg=").ok());
}

}  // namespace
}  // namespace aziot
