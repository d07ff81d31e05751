#include "aziotctl/super_config/connection_string.h"

#include <gtest/gtest.h>

namespace aziot::ctl {
namespace {

TEST(ConnectionString, TakesThePartsApart) {
  const auto parsed =
      ParseConnectionString("HostName=h.example;DeviceId=d=1;SharedAccessKey=a2V5;x509=false");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->hub, "h.example");
  EXPECT_EQ(parsed->device, "d=1");
  EXPECT_EQ(parsed->key.ExposeText(), "key");
}

TEST(ConnectionString, LastOfARepeatedPartCounts) {
  EXPECT_EQ(ParseConnectionString("HostName=a;HostName=b;DeviceId=d;SharedAccessKey=a2V5")->hub, "b");
}

TEST(ConnectionString, KeyMayLackItsPadding) {
  EXPECT_EQ(ParseConnectionString("HostName=a;DeviceId=d;SharedAccessKey=a2V5czI")->key.ExposeText(),
            "keys2");
}

struct BadString {
  const char* text;
  const char* says;
};
class ConnectionStringRefusal : public ::testing::TestWithParam<BadString> {};
TEST_P(ConnectionStringRefusal, NamesThePartAndNeverTheKey) {
  const auto parsed = ParseConnectionString(GetParam().text);
  ASSERT_FALSE(parsed.ok());
  EXPECT_NE(parsed.status().message().find(GetParam().says), absl::string_view::npos) << parsed.status();
  EXPECT_EQ(parsed.status().message().find("secret"), absl::string_view::npos);
}
INSTANTIATE_TEST_SUITE_P(
    All, ConnectionStringRefusal,
    ::testing::Values(BadString{"", "HostName"}, BadString{"hostname=a;DeviceId=d", "HostName"},
                      BadString{"HostName=a;SharedAccessKey=a2V5", "DeviceId"},
                      BadString{"HostName=a;DeviceId=d", "SharedAccessKey"},
                      BadString{"HostName=;DeviceId=d;SharedAccessKey=a2V5", "HostName"},
                      BadString{"HostName=a;DeviceId=d;SharedAccessKey=*secret*", "base64"}));

}  // namespace
}  // namespace aziot::ctl
