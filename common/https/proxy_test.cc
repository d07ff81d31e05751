#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "common/https/client.h"
#include "common/https/no_proxy.h"
#include "common/testing/status_matchers.h"

namespace aziot::https {
namespace {

struct BypassCase {
  const char* name;
  const char* list;
  const char* host;
  int port;
  bool bypasses;
};
class NoProxy : public ::testing::TestWithParam<BypassCase> {};

TEST_P(NoProxy, NamesHostsDomainsAddressesBlocksAndPorts) {
  const BypassCase& c = GetParam();
  EXPECT_EQ(BypassesProxy(c.list, c.host, static_cast<uint16_t>(c.port)), c.bypasses);
}

INSTANTIATE_TEST_SUITE_P(
    All, NoProxy,
    ::testing::Values(BypassCase{"Nothing", "", "a.example", 443, false},
                      BypassCase{"All", "*", "a.example", 443, true},
                      BypassCase{"AllOfAPort", "*:80", "a.example", 443, false},
                      BypassCase{"Itself", "x, a.example", "a.example", 443, true},
                      BypassCase{"AnyCase", "A.Example", "a.eXample", 443, true},
                      BypassCase{"Below", "example", "b.a.example", 443, true},
                      BypassCase{"LeadingDot", ".a.example", "b.a.example", 443, true},
                      BypassCase{"Star", "*.a.example", "b.a.example", 443, true},
                      BypassCase{"TrailingDot", "a.example", "a.example.", 443, true},
                      BypassCase{"NoBoundary", "example", "myexample", 443, false},
                      BypassCase{"Above", "b.a.example", "a.example", 443, false},
                      BypassCase{"OnlyDot", ".", "a.example", 443, false},
                      BypassCase{"Port", "a.example:8443", "a.example", 8443, true},
                      BypassCase{"OtherPort", "a.example:8443", "a.example", 443, false},
                      BypassCase{"BadPort", "a.example:x", "a.example", 443, false},
                      BypassCase{"Address", "10.1.2.3", "10.1.2.3", 443, true},
                      BypassCase{"AddressIsNoSuffix", "2.3", "10.1.2.3", 443, false},
                      BypassCase{"Block", "10.1.0.0/20", "10.1.15.3", 443, true},
                      BypassCase{"OtherBlock", "10.1.0.0/20", "10.1.16.3", 443, false},
                      BypassCase{"WholeBlock", "0.0.0.0/0", "10.1.16.3", 443, true},
                      BypassCase{"BlockTooLong", "10.1.16.3/33", "10.1.16.3", 443, false},
                      BypassCase{"BlockOfNames", "10.0.0.0/8", "a.example", 443, false},
                      BypassCase{"V6", "fd00::1", "[fd00:0::1]", 443, true},
                      BypassCase{"V6Block", "fd00::/8", "[fdff::1]", 443, true},
                      BypassCase{"V6Port", "[fd00::1]:8443", "[fd00::1]", 8443, true},
                      BypassCase{"V6OtherPort", "[fd00::1]:8443", "[fd00::1]", 443, false},
                      BypassCase{"V4IsNotV6", "0.0.0.0/0", "[fd00::1]", 443, false},
                      BypassCase{"Unfinished", "[fd00::1", "[fd00::1]", 443, false}),
    [](const auto& info) { return std::string(info.param.name); });

class ProxyEnvironment : public ::testing::Test {
 protected:
  ProxyEnvironment() { Clear(); }
  ~ProxyEnvironment() override { Clear(); }
  static void Clear() {
    for (const char* name : {"HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"}) unsetenv(name);
  }
};

TEST_F(ProxyEnvironment, UpperCaseWinsAndEmptyIsUnset) {
  EXPECT_EQ(ProxySettings::FromEnvironment()->url, "");
  setenv("https_proxy", "http://lower:1", 1);
  setenv("HTTPS_PROXY", "", 1);
  setenv("no_proxy", "lower", 1);
  EXPECT_EQ(ProxySettings::FromEnvironment()->url, "http://lower:1");
  EXPECT_EQ(ProxySettings::FromEnvironment()->no_proxy, "lower");
  setenv("HTTPS_PROXY", "https://upper:2", 1);
  setenv("NO_PROXY", "upper", 1);
  EXPECT_EQ(ProxySettings::FromEnvironment()->url, "https://upper:2");
  EXPECT_EQ(ProxySettings::FromEnvironment()->no_proxy, "upper");
  setenv("HTTPS_PROXY", "host:3128", 1);
  EXPECT_EQ(ProxySettings::FromEnvironment()->url, "http://host:3128");
}

TEST_F(ProxyEnvironment, WhatIsNoUrlIsRefusedWithoutBeingRepeated) {
  for (const char* bad : {"socks5://u:hunter2@host", "http://", "http://u:hunter2@ho st/", "://hunter2"}) {
    setenv("HTTPS_PROXY", bad, 1);
    EXPECT_THAT(ProxySettings::FromEnvironment(),
                testing::StatusIs(absl::StatusCode::kInvalidArgument,
                                  ::testing::Not(::testing::HasSubstr("hunter2"))))
        << bad;
  }
}

TEST(ProxySettings, ShowsNoPassword) {
  EXPECT_EQ((ProxySettings{"http://u:p:w@host:3128/", ""}.Redacted()), "http://u:******@host:3128/");
  EXPECT_EQ((ProxySettings{"http://u:p@w@host", ""}.Redacted()), "http://u:******@host");
  EXPECT_EQ((ProxySettings{"http://u@host:3128", ""}.Redacted()), "http://u@host:3128");
  EXPECT_EQ((ProxySettings{"http://host:3128/a@b:c", ""}.Redacted()), "http://host:3128/a@b:c");
  EXPECT_EQ((ProxySettings{"", ""}.Redacted()), "");
}

}  // namespace
}  // namespace aziot::https
