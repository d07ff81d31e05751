#include "certd/config.h"

#include <gtest/gtest.h>

namespace aziot::certd {
namespace {

constexpr char kExample[] = R"(
homedir_path = "/var/lib/aziot/certd"
[cert_issuance.local_ca]
cert = "local-ca"
pk = "local-ca"
[cert_issuance.device-id]
method = "local_ca"
expiry_days = 7
subject = { L = "AQ", CN = "device" }
[cert_issuance."aziot-edged-ca"]
method = "self_signed"
common_name = "edge"
[preloaded_certs]
local-ca = "file:///var/secrets/local%20ca.pem"
web = "https://example.org/ca.pem"
bundle = ["local-ca", "web"]
[[principal]]
uid = 998
certs = ["device-id", "device-id-temp"]
)";

TEST(CertdConfig, ReadsWhatTheConfigurationToolWrites) {
  const auto config = ParseCertdConfig(kExample);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->homedir, "/var/lib/aziot/certd");
  EXPECT_EQ(config->max_requests, 10u);
  ASSERT_TRUE(config->rules.local_ca.has_value());
  const IssuanceEntry& device = config->rules.issuance.at(*CertId::Parse("device-id"));
  EXPECT_EQ(device.expiry_days, 7);
  // Sorted key order, whatever the file's.
  EXPECT_EQ(device.subject->at(0).first, "CN");
  EXPECT_EQ(device.subject->at(1).first, "L");
  const Location* ca = config->rules.locations.Find(*CertId::Parse("local-ca"));
  ASSERT_NE(ca, nullptr);
  EXPECT_EQ(std::get<FileLocation>(*ca).path, "/var/secrets/local ca.pem");
  EXPECT_TRUE(std::holds_alternative<UnusableLocation>(*config->rules.locations.Find(*CertId::Parse("web"))));
  EXPECT_EQ(std::get<Bundle>(*config->rules.locations.Find(*CertId::Parse("bundle"))).size(), 2u);
  EXPECT_TRUE(config->rules.access.Allows({.uid = 998}, "device-id-temp"));
  EXPECT_FALSE(config->rules.access.Allows({.uid = 998}, "other"));
}

TEST(CertdConfig, AnEmptyListIsABundleOfNothing) {
  const auto config = ParseCertdConfig("homedir_path='/x'\n[preloaded_certs]\na=[]");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(std::get<Bundle>(*config->rules.locations.Find(*CertId::Parse("a"))).empty());
}

struct BadConfig {
  const char* name;
  const char* toml;
  const char* says;
};
class CertdConfigRefusal : public ::testing::TestWithParam<BadConfig> {};
TEST_P(CertdConfigRefusal, NamesWhatIsWrong) {
  const auto config = ParseCertdConfig(GetParam().toml);
  ASSERT_FALSE(config.ok());
  EXPECT_NE(config.status().message().find(GetParam().says), absl::string_view::npos) << config.status();
}
INSTANTIATE_TEST_SUITE_P(
    All, CertdConfigRefusal,
    ::testing::Values(
        BadConfig{"NoHome", "max_requests = 3", "homedir_path"},
        BadConfig{"Method", "homedir_path='/x'\n[cert_issuance.a]\nmethod='acme'", "acme"},
        BadConfig{"ZeroDays", "homedir_path='/x'\n[cert_issuance.a]\nmethod='est'\nexpiry_days=0",
                  "expiry_days"},
        BadConfig{"BareWord", "homedir_path='/x'\n[cert_issuance]\ndevice-ca='est'", "device-ca"},
        BadConfig{"NoUri", "homedir_path='/x'\n[preloaded_certs]\na='path'", "no URI"},
        BadConfig{"EmptyUri", "homedir_path='/x'\n[preloaded_certs]\na=''", "no URI"},
        BadConfig{"NoScheme", "homedir_path='/x'\n[preloaded_certs]\na='/etc/a:b.pem'", "no URI"},
        BadConfig{"ZeroRequests", "homedir_path='/x'\nmax_requests=0", "max_requests"},
        BadConfig{"ZeroLimit", "homedir_path='/x'\n[limits]\nbody_bytes=0", "body_bytes"},
        BadConfig{"ZeroMostDays", "homedir_path='/x'\nmax_expiry_days=0", "max_expiry_days"},
        BadConfig{"Cycle", "homedir_path='/x'\n[preloaded_certs]\na=['b']\nb=['a']", "contains itself"},
        BadConfig{"HalfLocalCa", "homedir_path='/x'\n[cert_issuance.local_ca]\ncert='a'", "pk"}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace aziot::certd
