#include "tests/integration/scripted_device.h"

#include <gtest/gtest.h>
#include <pwd.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "common/bytes/base64.h"
#include "common/files/files.h"
#include "common/openssl/digest.h"

namespace aziot::tests {
namespace {

using Json = nlohmann::json;

constexpr char kMessage[] = "dev\n1700000000";

uid_t UidOf(const char* name) { return getpwnam(name)->pw_uid; }

}  // namespace

ScriptedDevice::ScriptedDevice(const ScriptedCloud& cloud, Source source) {
  const auto in_root = [this](const std::string& path) { return suite_.root().Join(path); };
  const testing::TestCa local_ca("Local CA");
  Write("etc/device-id", std::string(32, 'k'), 0600);
  Write("etc/local-ca.key", local_ca.private_key(), 0600);
  Write("etc/local-ca.pem", local_ca.certificate());
  Write("etc/cloud-root.pem", cloud.root());
  for (const char* name : {"etc/device-id", "etc/local-ca.key"}) {
    EXPECT_EQ(chown(in_root(name).c_str(), UidOf("aziotks"), static_cast<gid_t>(-1)), 0);
  }
  Write("etc/aziot/keyd/config.toml",
        absl::StrCat("[aziot_keys]\nhomedir_path = \"", in_root("var/lib/aziot/keyd"),
                     "\"\n[preloaded_keys]\ndevice-id = \"file://", in_root("etc/device-id"),
                     "\"\nlocal-ca = \"file://", in_root("etc/local-ca.key"), "\"\n[[principal]]\nuid = ",
                     UidOf("aziotid"), "\nkeys = [\"device-id\", \"aziot_identityd_master_id\"]\n",
                     "[[principal]]\nuid = ", UidOf("aziotcs"), "\nkeys = [\"local-ca\"]\n"));
  Write("etc/aziot/certd/config.toml",
        absl::StrCat("homedir_path = \"", in_root("var/lib/aziot/certd"),
                     "\"\n[cert_issuance.local_ca]\ncert = \"local-ca\"\npk = \"local-ca\"\n",
                     "[cert_issuance.local]\nmethod = \"local_ca\"\n[preloaded_certs]\nlocal-ca = \"file://",
                     in_root("etc/local-ca.pem"), "\"\n[[principal]]\nuid = ", UidOf("aziotid"),
                     "\ncerts = [\"local\"]\n"));
  const std::string provisioning =
      source == Source::kManual
          ? absl::StrCat("source = \"manual\"\niothub_hostname = \"", cloud.host(),
                         "\"\ndevice_id = \"dev\"\n[provisioning.authentication]\nmethod = \"sas\"\n",
                         "device_id_pk = \"device-id\"\n")
          : absl::StrCat("source = \"dps\"\nglobal_endpoint = \"https://", cloud.host(),
                         "\"\nscope_id = \"0ne\"\n[provisioning.attestation]\nmethod = \"symmetric_key\"\n",
                         "registration_id = \"dev\"\nsymmetric_key = \"device-id\"\n");
  Write("etc/aziot/identityd/config.toml",
        absl::StrCat("hostname = \"my-device\"\nhomedir = \"", in_root("var/lib/aziot/identityd"),
                     "\"\ncloud_retries = 0\n[provisioning]\n", provisioning,
                     "[localid]\ndomain = \"example.com\"\n[[principal]]\nuid = ", kLocal,
                     "\nname = \"local\"\nidtype = [\"local\"]\n"));
  WriteDropIn("agent.toml", ModulePrincipal(kAgent, "agent"));
}

void ScriptedDevice::Write(const std::string& path, const std::string& text, mode_t mode) {
  ASSERT_TRUE(files::Replace(suite_.root().Join(path), text, mode).ok()) << path;
}

void ScriptedDevice::WriteDropIn(const std::string& name, const std::string& toml) {
  Write(absl::StrCat("etc/aziot/identityd/config.d/", name), toml);
}

std::string ScriptedDevice::ModulePrincipal(uid_t uid, const std::string& name) {
  return absl::StrCat("[[principal]]\nuid = ", uid, "\nname = \"", name, "\"\nidtype = [\"module\"]\n");
}

void ScriptedDevice::StartIdentityd(const std::string& proxy) {
  suite_.identityd().Start({{"SSL_CERT_FILE", suite_.root().Join("etc/cloud-root.pem")},
                            {"AZIOT_RELOAD_DEBOUNCE_MS", "50"},
                            {"HTTPS_PROXY", proxy}});
}

void ScriptedDevice::AwaitReconciled() {
  ASSERT_TRUE(Eventually([&] { return Status().value("reconciliation", "") == "done"; }))
      << suite_.identityd().Log();
}

http::Response ScriptedDevice::Identity(uid_t uid) {
  return suite_.Ask(uid, "identityd", "GET", "/identities/identity?api-version=2020-09-01");
}
http::Response ScriptedDevice::Device() {
  return suite_.Ask(0, "identityd", "POST", "/identities/device?api-version=2020-09-01",
                    R"({"type":"aziot"})");
}
http::Response ScriptedDevice::Reprovision() {
  return suite_.Ask(0, "identityd", "POST", "/identities/device/reprovision?api-version=2020-09-01");
}

Json ScriptedDevice::Status() {
  const http::Response answer = suite_.Ask(0, "identityd", "GET", "/status?api-version=2026-12-01");
  return answer.status == 200 ? Json::parse(answer.body) : Json::object();
}

std::string ScriptedDevice::KnownAs(uid_t uid) {
  const http::Response answer = Identity(uid);
  if (answer.status != 200) return "";
  const Json spec = Json::parse(answer.body).at("spec");
  return absl::StrCat(spec.at("hubName").get<std::string>(), " ", spec.at("deviceId").get<std::string>(), " ",
                      spec.at("moduleId").get<std::string>(), " ", spec.at("genId").get<std::string>());
}

std::string ScriptedDevice::Sign(uid_t uid) {
  const http::Response identity = Identity(uid);
  if (identity.status != 200) return "";
  const Json request = {{"keyHandle", Json::parse(identity.body).at("spec").at("auth").at("keyHandle")},
                        {"algorithm", "HMAC-SHA256"},
                        {"parameters", {{"message", FormatBase64(ToBytesView(kMessage))}}}};
  const http::Response answer =
      suite_.Ask(uid, "keyd", "POST", "/sign?api-version=2020-09-01", request.dump());
  return answer.status == 200 ? Json::parse(answer.body).at("signature").get<std::string>() : "";
}

std::string ScriptedDevice::SignWith(const std::string& base64_key) {
  const auto key = ParseBase64(base64_key);
  if (!key.ok()) return "";
  return FormatBase64(openssl::HmacSha256(*key, ToBytesView(kMessage)));
}

}  // namespace aziot::tests
