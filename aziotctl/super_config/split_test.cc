#include "aziotctl/super_config/split.h"

#include <gtest/gtest.h>

#include "common/config/config.h"

namespace aziot::ctl {
namespace {

// base64 of `aziot-identity-service|aziot-ide`
constexpr char kKey32[] = "YXppb3QtaWRlbnRpdHktc2VydmljZXxheml3dC1pZGU=";

absl::StatusOr<DaemonConfigs> SplitText(absl::string_view toml, const std::string& root = "") {
  config::v1::Super super;
  const auto warnings = config::LoadText("config.toml", toml, super);
  if (!warnings.ok()) return warnings.status();
  return Split(super, {.root = root, .hostname = "my-device", .certd_uid = 5555, .identityd_uid = 5556});
}

TEST(Split, DpsSymmetricKey) {
  const auto configs = SplitText(std::string(R"(
[provisioning]
source = "dps"
global_endpoint = "https://Global.azure-devices-provisioning.net:443"
id_scope = "0ab1234C5D6"
[provisioning.attestation]
method = "symmetric_key"
registration_id = "my-device"
symmetric_key = { value = ")") + kKey32 +
                                 "\" }\n");
  ASSERT_TRUE(configs.ok()) << configs.status();
  EXPECT_EQ(configs->identityd, R"(hostname = "my-device"
homedir = "/var/lib/aziot/identityd"
prefer_module_identity_cache = false

[provisioning]
source = "dps"
global_endpoint = "https://global.azure-devices-provisioning.net/"
scope_id = "0ab1234C5D6"

[provisioning.attestation]
method = "symmetric_key"
registration_id = "my-device"
symmetric_key = "device-id"
)");
  EXPECT_EQ(configs->keyd, R"([aziot_keys]
homedir_path = "/var/lib/aziot/keyd"

[preloaded_keys]
device-id = "file:///var/secrets/aziot/keyd/device-id"

[[principal]]
uid = 5556
keys = ["aziot_identityd_master_id", "device-id"]
)");
  EXPECT_EQ(configs->certd, R"(homedir_path = "/var/lib/aziot/certd"

[cert_issuance]

[preloaded_certs]
)");
  EXPECT_EQ(configs->tpmd, "");
  ASSERT_TRUE(configs->device_key.has_value());
  EXPECT_EQ(configs->device_key->size(), 32u);
}

TEST(Split, ConnectionStringWithGatewayAndLimits) {
  const auto configs = SplitText(std::string(R"(
local_gateway_hostname = "my-gateway-device"
prefer_module_identity_cache = true
cloud_retries = 3
[aziot_max_requests]
keyd = 20
certd = 30
tpmd = 40
identityd = 50
[provisioning]
source = "manual"
connection_string = "HostName=example.azure-devices.net;DeviceId=my-device;SharedAccessKey=)") +
                                 kKey32 + "\"\n");
  ASSERT_TRUE(configs.ok()) << configs.status();
  EXPECT_EQ(configs->identityd, R"(hostname = "my-device"
homedir = "/var/lib/aziot/identityd"
prefer_module_identity_cache = true
max_requests = 50
cloud_retries = 3

[provisioning]
local_gateway_hostname = "my-gateway-device"
source = "manual"
iothub_hostname = "example.azure-devices.net"
device_id = "my-device"

[provisioning.authentication]
method = "sas"
device_id_pk = "device-id"
)");
  EXPECT_EQ(configs->keyd.substr(0, 18), "max_requests = 20\n");
  EXPECT_NE(configs->certd.find("max_requests = 30\n"), std::string::npos);
  EXPECT_EQ(configs->tpmd, "max_requests = 40\n");
}

TEST(Split, WhatIsNoTextStaysAnArrayOfBytes) {
  const auto configs = SplitText(
      "provisioning = { source = 'none' }\n[tpm]\ntcti = [115, 119]\n"
      "hierarchy_authorization = { endorsement = 'e', owner = [134, 119] }\n");
  ASSERT_TRUE(configs.ok()) << configs.status();
  EXPECT_EQ(configs->tpmd, R"(tcti = "sw"

[hierarchy_authorization]
endorsement = "e"
owner = [134, 119]
)");
}

TEST(Split, AnIndexInQuotesIsANumber) {
  const auto configs =
      SplitText("provisioning = { source = 'none' }\n[tpm]\nauth_key_index = '0x00_01_01'\n");
  ASSERT_TRUE(configs.ok()) << configs.status();
  EXPECT_EQ(configs->tpmd, "auth_key_index = 257\n");
}

TEST(Split, KeyByUriAndPrivateRoot) {
  const auto configs = SplitText(R"(
hostname = "other"
[provisioning]
source = "manual"
iothub_hostname = "h"
device_id = "d"
authentication = { method = "sas", device_id_pk = { uri = "file:///keys/device" } }
)",
                                 "/opt/root");
  ASSERT_TRUE(configs.ok()) << configs.status();
  EXPECT_FALSE(configs->device_key.has_value());
  EXPECT_NE(configs->keyd.find("device-id = \"file:///keys/device\""), std::string::npos);
  EXPECT_NE(configs->keyd.find("homedir_path = \"/opt/root/var/lib/aziot/keyd\""), std::string::npos);
  EXPECT_NE(configs->identityd.find("homedir = \"/opt/root/var/lib/aziot/identityd\""), std::string::npos);
}

TEST(Split, LocalCaOfTheOperator) {
  const auto configs = SplitText(R"(
provisioning = { source = "none" }
[cert_issuance.local_ca]
cert = "file:///var/secrets/local-ca.pem"
pk = "file:///var/secrets/local-ca.key.pem"
)");
  ASSERT_TRUE(configs.ok()) << configs.status();
  EXPECT_EQ(configs->certd, R"(homedir_path = "/var/lib/aziot/certd"

[cert_issuance.local_ca]
cert = "local-ca"
pk = "local-ca"

[preloaded_certs]
local-ca = "file:///var/secrets/local-ca.pem"
)");
  EXPECT_EQ(configs->keyd, R"([aziot_keys]
homedir_path = "/var/lib/aziot/keyd"

[preloaded_keys]
local-ca = "file:///var/secrets/local-ca.key.pem"

[[principal]]
uid = 5556
keys = ["aziot_identityd_master_id"]

[[principal]]
uid = 5555
keys = ["local-ca"]
)");
}

TEST(Split, IssuedWithoutASubjectKeepsItsRegistrationId) {
  const auto configs = SplitText(R"(
[provisioning]
source = "dps"
global_endpoint = "https://x/"
id_scope = "s"
attestation = { method = "x509", registration_id = "r", identity_cert = { method = "self_signed" } }
)");
  ASSERT_TRUE(configs.ok()) << configs.status();
  EXPECT_NE(configs->identityd.find("registration_id = \"r\"\n"), std::string::npos) << configs->identityd;
}

TEST(Split, WhatHasNoEffectIsWarnedOf) {
  const auto configs = SplitText(R"(
[provisioning]
source = "manual"
iothub_hostname = "h"
device_id = "d"
[provisioning.authentication]
method = "x509"
identity_cert = { method = "local_ca", auto_renew = { rotate_key = true, threshold = "80%", retry = "4%" } }
[aziot_keys]
pkcs11_lib = "x"
)");
  ASSERT_TRUE(configs.ok()) << configs.status();
  ASSERT_EQ(configs->warnings.size(), 2u);
  EXPECT_NE(configs->warnings[0].find("aziot_keys.pkcs11_lib"), std::string::npos);
  EXPECT_NE(configs->warnings[1].find("auto_renew is ignored"), std::string::npos);
  EXPECT_EQ(configs->certd.find("device-id-temp"), std::string::npos);
}

TEST(Split, KeysInATpmAndInALibrary) {
  const auto tpm = SplitText("provisioning = { source = 'none' }\n[aziot_keys]\ntpm_tcti = 'device'\n");
  ASSERT_TRUE(tpm.ok()) << tpm.status();
  EXPECT_TRUE(tpm->warnings.empty());
  EXPECT_NE(tpm->keyd.find("tpm_tcti = \"device\"\n"), std::string::npos) << tpm->keyd;
  const auto library =
      SplitText("key_library = '/x.so'\nprovisioning = { source = 'none' }\n[aziot_keys]\nits_own = 'y'\n");
  ASSERT_TRUE(library.ok()) << library.status();
  EXPECT_TRUE(library->warnings.empty());
  EXPECT_EQ(library->keyd.find("key_library = \"/x.so\"\n"), 0u) << library->keyd;
  EXPECT_NE(library->keyd.find("its_own = \"y\"\n"), std::string::npos);
}

TEST(Split, DefaultsAreNotWritten) {
  const auto configs = SplitText(R"(
cloud_timeout_sec = 70
cloud_retries = 1
aziot_max_requests = { keyd = 10, certd = 10, tpmd = 10, identityd = 10 }
provisioning = { source = "none" }
[tpm]
tcti = "device"
auth_key_index = 0x000100
hierarchy_authorization = { endorsement = "", owner = "" }
[cert_issuance.est.identity_auto_renew]
rotate_key = true
threshold = "80%"
retry = "4%"
)");
  ASSERT_TRUE(configs.ok()) << configs.status();
  EXPECT_EQ(configs->tpmd, "");
  EXPECT_EQ(configs->keyd.find("max_requests"), std::string::npos);
  EXPECT_EQ(configs->identityd.find("cloud_"), std::string::npos);
  EXPECT_NE(configs->certd.find("[cert_issuance.est]\n\n[preloaded_certs]\n"), std::string::npos)
      << configs->certd;
}

TEST(Split, LocalCaIssuedHere) {
  const auto configs = SplitText(R"(
provisioning = { source = "none" }
cert_issuance.local_ca.cert = { method = "self_signed", common_name = "my CA", expiry_days = 365 }
)");
  ASSERT_TRUE(configs.ok()) << configs.status();
  EXPECT_NE(
      configs->certd.find(
          "[cert_issuance.local-ca]\nmethod = \"self_signed\"\nexpiry_days = 365\ncommon_name = \"my CA\"\n"),
      std::string::npos)
      << configs->certd;
}

struct BadSuper {
  const char* name;
  const char* toml;
  const char* says;
};
class SplitRefusal : public ::testing::TestWithParam<BadSuper> {};
TEST_P(SplitRefusal, NamesTheKey) {
  const auto configs = SplitText(GetParam().toml);
  ASSERT_FALSE(configs.ok());
  EXPECT_NE(configs.status().message().find(GetParam().says), absl::string_view::npos) << configs.status();
}
INSTANTIATE_TEST_SUITE_P(
    All, SplitRefusal,
    ::testing::Values(
        BadSuper{"NoProvisioning", "hostname = 'x'", "provisioning"},
        BadSuper{"Source", "provisioning = { source = 'cloud' }", "provisioning.source"},
        BadSuper{"Incomplete", "provisioning = { source = 'manual', iothub_hostname = 'h' }",
                 "provisioning.device_id"},
        BadSuper{"BadString", "provisioning = { source = 'manual', connection_string = 'HostName=h' }",
                 "DeviceId"},
        BadSuper{"Nested", "parent_hostname = 'p'\nprovisioning = { source = 'dps' }",
                 "DPS provisioning is not supported in nested mode"},
        BadSuper{"X509",
                 "[provisioning]\nsource='manual'\niothub_hostname='h'\ndevice_id='d'\nauthentication={"
                 "method='x509'}",
                 "provisioning.authentication.identity_cert: missing"},
        BadSuper{"Tpm",
                 "[provisioning]\nsource='dps'\nglobal_endpoint='https://x/"
                 "'\nid_scope='s'\nattestation={method='tpm'}",
                 "provisioning.attestation.registration_id: missing"},
        BadSuper{"TwoNames", "parent_hostname='a'\nlocal_gateway_hostname='b'\nprovisioning={source='none'}",
                 "parent_hostname"},
        BadSuper{"TwoNamesAreDuplicates",
                 "parent_hostname='a'\nlocal_gateway_hostname='b'\nprovisioning={source='none'}",
                 "duplicate field `parent_hostname`"},
        BadSuper{"NoLimit",
                 "aziot_max_requests={keyd=1,certd=0,tpmd=1,identityd=1}\nprovisioning={source='none'}",
                 "at least 1"},
        BadSuper{"ExactTimeout", "cloud_timeout_sec=69\nprovisioning={source='none'}",
                 "cloud_timeout_sec must be at least 70 seconds"},
        BadSuper{
            "ExpiryDays",
            "provisioning={source='none'}\ncert_issuance.local_ca.cert={method='self_signed',expiry_days=0}",
            "expiry_days must be greater than 0"},
        BadSuper{"HalfPair",
                 "[provisioning]\nsource='manual'\niothub_hostname='h'\ndevice_id='d'\nauthentication={"
                 "method='x509',identity_cert='file:///c'}",
                 "provisioning.authentication.identity_pk: missing"},
        BadSuper{"KeyOfAnIssuedOne",
                 "[provisioning]\nsource='manual'\niothub_hostname='h'\ndevice_id='d'\nauthentication={"
                 "method='x509',identity_cert={method='self_signed'},identity_pk='file:///k'}",
                 "leave it out"},
        BadSuper{
            "Policy",
            "[provisioning]\nsource='dps'\nglobal_endpoint='https://x/"
            "'\nid_scope='s'\nattestation={method='x509',"
            "identity_cert={method='self_signed',auto_renew={rotate_key=true,threshold='101%',retry='1%'}}}",
            "auto_renew.threshold"},
        BadSuper{"HalfPassword", "provisioning={source='none'}\n[cert_issuance.est.auth]\nusername='u'",
                 "cert_issuance.est.auth: username and password belong together"},
        BadSuper{"Scheme", "provisioning={source='none'}\n[preloaded_certs]\na='https://x/'",
                 "preloaded_certs.\"a\""},
        BadSuper{"KeyUri", "provisioning={source='none'}\n[preloaded_keys]\na='x'", "preloaded_keys.\"a\""},
        BadSuper{"Index", "provisioning={source='none'}\n[tpm]\nauth_key_index=0x800000",
                 "tpm.auth_key_index: expected an integer in range 0x00_00_00..=0x7F_FF_FF"},
        BadSuper{"IndexOfTheEk", "provisioning={source='none'}\n[tpm]\nauth_key_index=0x010001",
                 "tpm.auth_key_index: the TPM's storage root or endorsement key lies there"},
        BadSuper{
            "Password",
            "provisioning={source='none'}\n[tpm.hierarchy_authorization]\nowner='1234567890123456789012345"
            "6789012345678901234567890123456789012345'",
            "tpm.hierarchy_authorization.owner: expected at most 64 bytes, found 65"},
        BadSuper{"HalfLimits", "aziot_max_requests={keyd=1}\nprovisioning={source='none'}", "certd"},
        BadSuper{"Timeout", "cloud_timeout_sec=10\nprovisioning={source='none'}", "cloud_timeout_sec"}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace aziot::ctl
