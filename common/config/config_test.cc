#include "common/config/config.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "aziot/config/v1/certd.pb.h"
#include "aziot/config/v1/identityd.pb.h"
#include "aziot/config/v1/keyd.pb.h"
#include "aziot/config/v1/tpmd.pb.h"

namespace aziot::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

template <class M>
M Parse(absl::string_view toml) {
  M message;
  const auto warnings = LoadText("test.toml", toml, message);
  EXPECT_TRUE(warnings.ok()) << warnings.status();
  EXPECT_THAT(warnings.value_or(std::vector<std::string>()), IsEmpty());
  return message;
}

template <class M>
std::string Refusal(absl::string_view toml) {
  M message;
  const auto warnings = LoadText("test.toml", toml, message);
  EXPECT_EQ(warnings.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(warnings.status().message());
}

TEST(Config, ReadsKeydAsTheCommandLineWritesIt) {
  const auto keyd = Parse<v1::Keyd>(R"(
max_requests = 20

[aziot_keys]
homedir_path = "/var/lib/aziot/keyd"
pkcs11_base_slot = "pkcs11:token=Key%20pairs?pin-value=1234"

[preloaded_keys]
device-id = "file:///var/secrets/aziot/keyd/device-id"
"a key.with dots" = "pkcs11:slot-id=1;object=x"

[[principal]]
uid = 4294967295
keys = ["aziot_identityd_master_id", "device-id"]

[[principal]]
uid = 0
keys = []
)");
  v1::Keyd expected;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(R"(
max_requests: 20
aziot_keys { key: "homedir_path" value: "/var/lib/aziot/keyd" }
aziot_keys { key: "pkcs11_base_slot" value: "pkcs11:token=Key%20pairs?pin-value=1234" }
preloaded_keys { key: "device-id" value: "file:///var/secrets/aziot/keyd/device-id" }
preloaded_keys { key: "a key.with dots" value: "pkcs11:slot-id=1;object=x" }
principal { uid: 4294967295 keys: "aziot_identityd_master_id" keys: "device-id" }
principal { uid: 0 }
)",
                                                            &expected));
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(keyd, expected)) << keyd.DebugString();
  EXPECT_EQ(keyd.preloaded_keys().at("device-id"), "file:///var/secrets/aziot/keyd/device-id");
}

TEST(Config, ReadsCertdWithIdsBesideNamedTables) {
  const auto certd = Parse<v1::Certd>(R"(
homedir_path = "/var/lib/aziot/certd"

[cert_issuance.est]
trusted_certs = ["est-server-ca-1"]
username = "u"
identity_auto_renew = { rotate_key = true, threshold = "80%", retry = "4%" }
[cert_issuance.est.urls]
default = "https://est.example/"

[cert_issuance.local_ca]
cert = "local-ca"
pk = "local-ca"

[cert_issuance."device/id"]
method = "est"
subject = { CN = "x", O = "y" }

[cert_issuance.local-ca]
method = "self_signed"
expiry_days = 365
common_name = "ca"

[preloaded_certs]
one = "file:///etc/one.pem"
both = ["one", "two"]

[limits]
turn_seconds = 3
)");
  EXPECT_EQ(certd.cert_issuance().est().urls().at("default"), "https://est.example/");
  EXPECT_TRUE(certd.cert_issuance().est().identity_auto_renew().rotate_key());
  EXPECT_FALSE(certd.cert_issuance().est().has_password());
  ASSERT_EQ(certd.cert_issuance().entries().size(), 2u);
  EXPECT_EQ(certd.cert_issuance().entries().at("device/id").subject().at("O"), "y");
  EXPECT_EQ(certd.cert_issuance().entries().at("local-ca").expiry_days(), 365u);
  EXPECT_EQ(certd.preloaded_certs().at("one").uri(), "file:///etc/one.pem");
  EXPECT_THAT(certd.preloaded_certs().at("both").ids(), ElementsAre("one", "two"));
  EXPECT_EQ(certd.limits().turn_seconds(), 3u);
  EXPECT_FALSE(certd.limits().has_body_bytes());
  EXPECT_FALSE(certd.has_grpc());
}

constexpr absl::string_view kIdentityd = R"(
hostname = "my-device"
homedir = "/var/lib/aziot/identityd"
prefer_module_identity_cache = false
[provisioning]
source = "dps"
[provisioning.attestation]
method = "x509"
)";

TEST(Config, ASubjectIsTextOrATable) {
  const std::string base(kIdentityd);
  const auto text = Parse<v1::Identityd>(base + "registration_id = \"device\"");
  EXPECT_EQ(text.provisioning().attestation().registration_id().cn(), "device");
  EXPECT_THAT(text.provisioning().attestation().registration_id().attributes(), IsEmpty());

  const auto table = Parse<v1::Identityd>(base + "registration_id = { cn = \"device\", L = \"AQ\" }");
  EXPECT_EQ(table.provisioning().attestation().registration_id().cn(), "");
  EXPECT_EQ(table.provisioning().attestation().registration_id().attributes().at("cn"), "device");
  EXPECT_EQ(table.provisioning().attestation().registration_id().attributes().at("L"), "AQ");

  EXPECT_FALSE(Parse<v1::Identityd>(base).provisioning().attestation().has_registration_id());
}

TEST(Config, AnEmptyIdTypeListIsNotAnAbsentOne) {
  const auto identityd = Parse<v1::Identityd>(absl::StrCat(kIdentityd, R"(
[[principal]]
uid = 1
name = "none"
idtype = []
[[principal]]
uid = 2
name = "daemon"
[[principal]]
uid = 3
name = "both"
idtype = ["module", "local"]
localid = { type = "client" }
)"));
  ASSERT_EQ(identityd.principal_size(), 3);
  EXPECT_TRUE(identityd.principal(0).has_idtype());
  EXPECT_THAT(identityd.principal(0).idtype().types(), IsEmpty());
  EXPECT_FALSE(identityd.principal(1).has_idtype());
  EXPECT_THAT(identityd.principal(2).idtype().types(), ElementsAre("module", "local"));
  EXPECT_EQ(identityd.principal(2).localid().type(), "client");
}

TEST(Config, ReadsTheNewestSyntax) {
  const auto keyd = Parse<v1::Keyd>("aziot_keys = {\n  homedir_path = \"\\x41\\e\",\n}\n");
  EXPECT_EQ(keyd.aziot_keys().at("homedir_path"), "A\x1b");
}

TEST(Config, ClearsTheMessageFirst) {
  v1::Keyd keyd;
  keyd.set_max_requests(3);
  ASSERT_TRUE(LoadText("x", "", keyd).ok());
  EXPECT_FALSE(keyd.has_max_requests());
}

TEST(Config, WarnsOfUnknownKeysWithTheirPlace) {
  v1::Identityd identityd;
  const auto warnings = LoadText("/etc/x.toml", absl::StrCat(kIdentityd, R"(
always_reprovision_on_startup = false
[endpoints]
aziot_keyd = "unix:///x"
[[principal]]
uid = 1
name = "m"
"id type" = 5
)"),
                                 identityd);
  ASSERT_TRUE(warnings.ok()) << warnings.status();
  EXPECT_THAT(
      *warnings,
      testing::UnorderedElementsAre(
          "/etc/x.toml:10: unknown key provisioning.attestation.always_reprovision_on_startup is ignored",
          "/etc/x.toml:11: [endpoints] is ignored: sockets are fixed in release builds",
          "/etc/x.toml:16: unknown key principal[0].\"id type\" is ignored"));
}

struct BadCase {
  const char* name;
  std::string (*refusal)(absl::string_view);
  const char* toml;
  const char* expected;
};
class BadConfig : public testing::TestWithParam<BadCase> {};

TEST_P(BadConfig, NamesFileLineKeyAndWhatWasExpected) {
  EXPECT_EQ(GetParam().refusal(GetParam().toml), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    All, BadConfig,
    testing::Values(
        BadCase{"NumberForText", Refusal<v1::Keyd>, "[aziot_keys]\nhomedir_path = 5",
                "test.toml:2: aziot_keys.homedir_path: expected a string, found an integer"},
        BadCase{"TextForTable", Refusal<v1::Keyd>, "aziot_keys = 'x'",
                "test.toml:1: aziot_keys: expected a table, found a string"},
        BadCase{"TextForNumber", Refusal<v1::Keyd>, "\nmax_requests = \"10\"",
                "test.toml:2: max_requests: expected an integer from 0 to 4294967295, found a string"},
        BadCase{"Negative", Refusal<v1::Keyd>, "max_requests = -1",
                "test.toml:1: max_requests: expected an integer from 0 to 4294967295, found -1"},
        BadCase{"TooLarge", Refusal<v1::Keyd>, "max_requests = 4_294_967_296",
                "test.toml:1: max_requests: expected an integer from 0 to 4294967295, found 4294967296"},
        BadCase{"NoBodyAtAll", Refusal<v1::Identityd>, "[limits]\nbody_bytes = 0",
                "test.toml:2: limits.body_bytes: expected an integer from 1 to 4294967295, found 0"},
        BadCase{"NoTimeAtAll", Refusal<v1::Keyd>, "[limits]\nheader_seconds = 0",
                "test.toml:2: limits.header_seconds: expected an integer from 1 to 4294967295, found 0"},
        BadCase{"Float", Refusal<v1::Keyd>, "max_requests = 1.0",
                "test.toml:1: max_requests: expected an integer from 0 to 4294967295, found a float"},
        BadCase{"Date", Refusal<v1::Keyd>, "key_library = 2020-01-01",
                "test.toml:1: key_library: expected a string, found a date or time"},
        BadCase{"NumberForSwitch", Refusal<v1::Keyd>, "grpc = 0",
                "test.toml:1: grpc: expected true or false, found an integer"},
        BadCase{"TableForArray", Refusal<v1::Keyd>, "[principal]\nuid = 1",
                "test.toml:1: principal: expected an array (each a table), found a table"},
        BadCase{"TextInArrayOfTables", Refusal<v1::Keyd>, "principal = [\n'x']",
                "test.toml:2: principal[0]: expected a table, found a string"},
        BadCase{"NumberInList", Refusal<v1::Keyd>, "[[principal]]\nuid = 1\nkeys = ['a',\n1]",
                "test.toml:4: principal[0].keys[1]: expected a string, found an integer"},
        BadCase{"MissingUid", Refusal<v1::Keyd>, "[[principal]]\nuid=1\n[[principal]]\nkeys = []",
                "test.toml:3: principal[1].uid: missing; expected an integer from 0 to 4294967295"},
        BadCase{"MissingAtRoot", Refusal<v1::Certd>, "max_requests = 1",
                "test.toml: homedir_path: missing; expected a string"},
        BadCase{"MissingTable", Refusal<v1::Identityd>, "hostname = 'h'\nhomedir = 'd'",
                "test.toml: provisioning: missing; expected a table"},
        BadCase{"MissingInEntry", Refusal<v1::Certd>, "homedir_path = 'd'\n[cert_issuance.\"a b\"]",
                "test.toml:2: cert_issuance.\"a b\".method: missing; expected a string"},
        BadCase{"TableForTextOrList", Refusal<v1::Certd>,
                "homedir_path = 'd'\n[preloaded_certs.x]\nuri = 'y'",
                "test.toml:2: preloaded_certs.x: expected a string or an array of strings, found a table"},
        BadCase{"TextForIdType", Refusal<v1::Identityd>,
                "hostname = 'h'\nhomedir = 'd'\nprovisioning.source = 'none'\n"
                "[[principal]]\nuid = 1\nname = 'm'\nidtype = 'device'",
                "test.toml:7: principal[0].idtype: expected an array of strings, found a string"},
        BadCase{"ListForSubject", Refusal<v1::Identityd>,
                "hostname = 'h'\nhomedir = 'd'\nprovisioning.source = 'dps'\n"
                "provisioning.attestation = { method = 'x509', registration_id = [] }",
                "test.toml:4: provisioning.attestation.registration_id: expected a string or a table, found "
                "an array"}),
    [](const auto& info) { return std::string(info.param.name); });

class BadToml : public testing::TestWithParam<std::pair<const char*, std::string>> {};

TEST_P(BadToml, NamesFileAndLine) {
  const std::string text = Refusal<v1::Keyd>(GetParam().second);
  EXPECT_THAT(text, testing::StartsWith("test.toml:2:"));
}

INSTANTIATE_TEST_SUITE_P(All, BadToml,
                         testing::Values(std::pair{"Syntax", "\nmax_requests = = 1"},
                                         std::pair{"Unfinished", "\n[aziot_keys"},
                                         std::pair{"Duplicate", "grpc = true\ngrpc = true"},
                                         std::pair{"Utf8", "\nkey_library = \"\xff\""},
                                         std::pair{"Overlong", "\nkey_library = \"\xc0\xaf\""},
                                         std::pair{"Header", "\n[:"},
                                         std::pair{"PresentationForm", "\nJ\xef\xbb\x9f"},
                                         std::pair{"Nul", std::string("\n\0", 2)},
                                         std::pair{"Overflow", "\nmax_requests = 9223372036854775808"},
                                         std::pair{"Nested", "\nx = " + std::string(100000, '[')},
                                         std::pair{"Dotted", "\na" +
                                                                 [] {
                                                                   std::string dots;
                                                                   for (int i = 0; i < 100000; ++i)
                                                                     dots += ".a";
                                                                   return dots + " = 1";
                                                                 }()}),
                         [](const auto& info) { return std::string(info.param.first); });

TEST(Config, AnIndexMayBeHexadecimalText) {
  EXPECT_EQ(Parse<v1::Tpmd>("auth_key_index = 0x7F_FF_FF").auth_key_index(), 0x7FFFFFu);
  EXPECT_EQ(Parse<v1::Tpmd>("auth_key_index = '0x00_01_00'").auth_key_index(), 0x100u);
  EXPECT_EQ(Parse<v1::Tpmd>("auth_key_index = 0").auth_key_index(), 0u);
  for (const char* bad : {"0x800000", "-1", "0x1_0000_0000", "'0x800000'", "'256'", "'0x'", "'0xg'", "'0x-1'",
                          "'0x100000001'", "1.0", "[1]"}) {
    EXPECT_THAT(
        Refusal<v1::Tpmd>(absl::StrCat("auth_key_index = ", bad)),
        HasSubstr("test.toml:1: auth_key_index: expected an integer in range 0x00_00_00..=0x7F_FF_FF"))
        << bad;
  }
}

TEST(Config, APasswordOfAHierarchyHasAtMost64BytesAndNoNul) {
  const std::string most(64, 'p');
  const auto tpmd = Parse<v1::Tpmd>(absl::StrCat("[hierarchy_authorization]\nowner = '", most, "'"));
  EXPECT_EQ(tpmd.hierarchy_authorization().owner(), most);
  EXPECT_EQ(Refusal<v1::Tpmd>(absl::StrCat("[hierarchy_authorization]\nowner = '", most, "p'")),
            "test.toml:2: hierarchy_authorization.owner: expected at most 64 bytes, found 65");
  std::string bytes = "1";
  for (int i = 0; i < 64; ++i) bytes += ", 1";
  EXPECT_THAT(Refusal<v1::Tpmd>(absl::StrCat("hierarchy_authorization = { endorsement = [", bytes, "] }")),
              HasSubstr("hierarchy_authorization.endorsement: expected at most 64 bytes, found 65"));
  EXPECT_EQ(Refusal<v1::Tpmd>("tcti = \"swtpm\\u0000\""), "test.toml:1: tcti: no NUL may be in it");
}

TEST(Config, ValuesStayOutOfErrors) {
  EXPECT_THAT(Refusal<v1::Certd>("homedir_path = 'd'\n[cert_issuance.est]\npassword = ['hunter2']"),
              Not(HasSubstr("hunter2")));
}

}  // namespace
}  // namespace aziot::config
