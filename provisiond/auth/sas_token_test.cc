#include "provisiond/auth/sas_token.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "provisiond/auth/throttle.h"
#include "provisiond/testing/cloud.h"
#include "provisiond/verifier/symmetric_key/device_keys.h"

namespace aziot::provisiond::auth {
namespace {

Bytes CountingKey() {
  Bytes key;
  for (uint8_t i = 0; i < 32; ++i) key.push_back(i);
  return key;
}

struct Vector {
  const char* name;
  absl::string_view token;
  std::vector<std::string> resource;
};
class SasVector : public ::testing::TestWithParam<Vector> {};

TEST_P(SasVector, IsSignedByItsKeyAloneAndCoversItsResource) {
  const auto token = ParseSasToken(absl::StrCat("SharedAccessSignature ", GetParam().token));
  ASSERT_TRUE(token.ok()) << token.status();
  EXPECT_EQ(token->expiry, 1700000030);
  EXPECT_TRUE(SignedBy(*token, CountingKey()));
  Bytes other = CountingKey();
  other[31] ^= 1;
  EXPECT_FALSE(SignedBy(*token, other));
  EXPECT_TRUE(Covers(*token, GetParam().resource, Scope::kExact));
}
INSTANTIATE_TEST_SUITE_P(
    Contract, SasVector,
    ::testing::Values(Vector{"Hub",
                             "sr=myhub.azure-devices.net/devices/"
                             "dev%3D1&sig=VFRzu1SHJCP%2FKkN%2BscTAS0B7QsIPYtQXsRt0XXMPDRU%3D&se="
                             "1700000030",
                             {"MyHub.azure-devices.net", "devices", "dev=1"}},
                      Vector{"Dps",
                             "sr=0ne00abcdef/registrations/"
                             "r1&sig=uYKHWmGjpnr0idHVRVgqAiLKPux4dgmdYvh79EcaZgs%3D&se=1700000030&skn="
                             "registration",
                             {"0ne00ABCDEF", "registrations", "r1"}}),
    [](const auto& info) { return std::string(info.param.name); });

struct Dialect {
  const char* name;
  absl::string_view resource;
  Scope scope;
  bool covers;
};
class SasDialect : public ::testing::TestWithParam<Dialect> {};

TEST_P(SasDialect, CoversByDecodedSegments) {
  const std::string key = FormatBase64(CountingKey());
  const auto token = ParseSasToken(Token(key, GetParam().resource, 1700000030));
  ASSERT_TRUE(token.ok()) << token.status();
  EXPECT_TRUE(SignedBy(*token, CountingKey()));
  EXPECT_EQ(Covers(*token, {"Hub.example:8443", "devices", "d 1#x"}, GetParam().scope), GetParam().covers);
}
INSTANTIATE_TEST_SUITE_P(
    All, SasDialect,
    ::testing::Values(Dialect{"RawMixedCase", "Hub.Example/devices/D 1#x", Scope::kExact, true},
                      Dialect{"LowerEscapes", "Hub.example%2fdevices%2fd%201%23x", Scope::kExact, true},
                      Dialect{"LowerCaseAll", "hub.example/devices/d%201%23x", Scope::kExact, true},
                      Dialect{"EscapedTwice", "hub.example%2Fdevices%2Fd%25201%2523x", Scope::kExact, true},
                      Dialect{"WithPort", "hub.example:443/devices/d%201%23x", Scope::kExact, true},
                      Dialect{"OtherDevice", "hub.example/devices/d2", Scope::kPrefix, false},
                      Dialect{"PrefixOfASegment", "hub.example/devices/d", Scope::kPrefix, false},
                      Dialect{"OtherHub", "hub2.example/devices/d%201%23x", Scope::kExact, false},
                      Dialect{"HostAlone", "hub.example", Scope::kPrefix, true},
                      Dialect{"HostAloneExact", "hub.example", Scope::kExact, false},
                      Dialect{"EmptySegment", "hub.example%2F%2Fdevices", Scope::kPrefix, false},
                      Dialect{"Longer", "hub.example/devices/d%201%23x/modules/m", Scope::kPrefix, false}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(SasToken, FieldOrderIsFreeAndUnknownFieldsAreIgnored) {
  const std::string sig = Mac(CountingKey(), "h/devices/d", "99");
  const auto token =
      ParseSasToken(absl::StrCat("sharedaccesssignature se=99&skn=a%2Bb&x=1&sig=", sig, "&sr=h/devices/d"));
  ASSERT_TRUE(token.ok()) << token.status();
  EXPECT_EQ(token->key_name, "a+b");
  EXPECT_TRUE(SignedBy(*token, CountingKey()));
}

class SasRefusal : public ::testing::TestWithParam<const char*> {};
TEST_P(SasRefusal, IsUnauthenticated) {
  EXPECT_EQ(ParseSasToken(GetParam()).status().code(), absl::StatusCode::kUnauthenticated);
}
constexpr char kSig[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA%3D";
INSTANTIATE_TEST_SUITE_P(
    All, SasRefusal,
    ::testing::Values(
        "", "Bearer x", "SharedAccessSignature", "SharedAccessSignature sr=a&se=1",
        "SharedAccessSignature sr=a&sig=AAAA&se=1", "SharedAccessSignature sr=a&sig=%%%&se=1",
        "SharedAccessSignature sr=&sig=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA%3D&se=1",
        "SharedAccessSignature sr=a&sig=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA%3D&se=-1",
        "SharedAccessSignature sr=a&sig=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA%3D&se=1e3",
        "SharedAccessSignature sr=a&sig=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA%3D&se=9007199254740993",
        "SharedAccessSignature sr=a&sr=b&sig=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA%3D&se=1"));

TEST(SasToken, ExpiryHasSkewAndALongestLife) {
  const absl::Time now = absl::FromUnixSeconds(1700000000);
  const auto expiring = [&](int64_t at) {
    return CheckExpiry(*ParseSasToken(absl::StrCat("SharedAccessSignature sr=a&sig=", kSig, "&se=", at)), now,
                       absl::Hours(24 * 365))
        .ok();
  };
  EXPECT_TRUE(expiring(1700000000 - 300));
  EXPECT_FALSE(expiring(1700000000 - 301));
  EXPECT_TRUE(expiring(1700000000 + 365 * 86400));
  EXPECT_FALSE(expiring(1700000000 + 365 * 86400 + 301));
}

TEST(DeviceKeys, GroupKeyDerivationVector) {
  const auto group =
      ParseKey("8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw==");
  ASSERT_TRUE(group.ok());
  EXPECT_EQ(FormatBase64(DeriveDeviceKey(*group, "sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6").Expose()),
            "Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc=");
}

TEST(DeviceKeys, HaveSixteenToSixtyFourBytes) {
  EXPECT_FALSE(ParseKey(FormatBase64(Bytes(15))).ok());
  EXPECT_TRUE(ParseKey(FormatBase64(Bytes(16))).ok());
  EXPECT_TRUE(ParseKey(FormatBase64(Bytes(64))).ok());
  EXPECT_FALSE(ParseKey(FormatBase64(Bytes(65))).ok());
  EXPECT_FALSE(ParseKey("not base64!").ok());
}

TEST(Throttle, CountsPerKeyAndWindow) {
  testing::ManualClock clock;
  Throttle throttle(2, absl::Seconds(10), clock);
  EXPECT_FALSE(throttle.Take("a"));
  EXPECT_FALSE(throttle.Check("a"));
  EXPECT_FALSE(throttle.Take("a"));
  clock.Advance(absl::Seconds(4));
  EXPECT_EQ(throttle.Take("a"), absl::Seconds(6));
  EXPECT_EQ(throttle.Check("a"), absl::Seconds(6));
  EXPECT_FALSE(throttle.Take("b"));
  clock.Advance(absl::Seconds(6));
  EXPECT_FALSE(throttle.Take("a"));
}

}  // namespace
}  // namespace aziot::provisiond::auth
