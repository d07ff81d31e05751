#include "tests/wire/world.h"

#include <gtest/gtest.h>
#include <pwd.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/bytes/base64.h"
#include "common/files/files.h"
#include "keyd/tpm/test_challenge.h"

namespace aziot::tests {
namespace {

using Json = nlohmann::json;

constexpr std::pair<absl::string_view, uid_t> kUsers[] = {
    {"root", 0},      {"agent", 64030},     {"device-agent", 64031}, {"edge", 64032},
    {"local", 64033}, {"powerless", 64034}, {"stranger", 64035},
};

constexpr char kKeyd[] = R"(
[preloaded_keys]
local-ca = "file://ROOT/var/secrets/wire/ca.key"
[[principal]]
uid = 64030
keys = ["agent*"]
[[principal]]
uid = CERTD
keys = ["local-ca", "agent-self"]
)";
constexpr char kCertd[] = R"(
[preloaded_certs]
local-ca = "file://ROOT/var/secrets/wire/ca.pem"
no-certificate = "file://ROOT/var/secrets/wire/no-certificate"
bundle = ["local-ca", "missing", "local-ca"]
empty-bundle = ["missing"]
[cert_issuance.local_ca]
cert = "local-ca"
pk = "local-ca"
[cert_issuance]
agent-leaf = { method = "local_ca", expiry_days = 7 }
agent-named = { method = "local_ca", subject = { O = "wire", CN = "named", C = "DE" } }
agent-self = { method = "self_signed", common_name = "self" }
agent-est = { method = "est" }
local = { method = "local_ca" }
local-new = { method = "local_ca" }
[[principal]]
uid = 64030
certs = ["agent*", "bundle"]
[[principal]]
uid = IDENTITYD
certs = ["local", "local-new"]
)";
constexpr char kIdentityd[] = R"(
[localid]
domain = "example.com"
[[principal]]
uid = 64032
name = "edge"
[[principal]]
uid = 64033
name = "local"
idtype = ["local"]
localid = { type = "x509", attributes = "server" }
[[principal]]
uid = 64034
name = "powerless"
idtype = []
)";
constexpr char kIdentitydModules[] = R"(
[[principal]]
uid = 64030
name = "agent"
idtype = ["module"]
[[principal]]
uid = 64031
name = "device-agent"
idtype = ["device", "module"]
)";

// What the device sends to DPS when it registers.
constexpr char kPayload[] = R"({"b": {"z": 1.5, "a": null}, "a": [true, 12345678901234567890]})";

// As text within a JSON string.
std::string Escaped(const std::string& text) {
  const std::string quoted = Json(text).dump();
  return quoted.substr(1, quoted.size() - 2);
}

std::string Run(const std::string& command) {
  const Output output = RunCommand(command);
  EXPECT_EQ(output.status, 0) << command << "\n" << output.text;
  return output.text;
}

}  // namespace

World::World(absl::string_view provisioning) : provisioning_(provisioning) {
  for (const auto& [name, uid] : kUsers) names_[absl::StrCat("uid.", name)] = absl::StrCat(uid);
}

void World::Start() {
  if (provisioning_ == "tpm" || provisioning_ == "tpm-empty") return StartTpmService();
  MakeAuthority();
  ASSERT_NO_FATAL_FAILURE(Configure());
  suite_.StartKeyd();
  MakeSelfSignedRequest();
  suite_.StartCertd();
  suite_.StartIdentityd();
  ASSERT_TRUE(Eventually([&] { return suite_.IsReady("identityd"); })) << suite_.identityd().Log();
}

// A software TPM, and an HMAC key that is wrapped to it.
void World::StartTpmService() {
  tpm_ = std::make_unique<SharedTpm>();
  AddDropIn("tpmd", absl::StrCat("tcti = \"", tpm_->tcti(), "\"\n"));
  suite_.StartTpmd();
  const http::Response keys = suite_.Ask(0, "tpmd", "GET", "/get_tpm_keys?api-version=2020-09-01");
  ASSERT_EQ(keys.status, 200) << keys.body << suite_.tpmd().Log();
  const Json json = Json::parse(keys.body);
  const auto bytes = [&](const char* name) {
    return ParseBase64(json.at(name).get<std::string>()).value_or(Bytes());
  };
  names_["tpm.key"] =
      FormatBase64(keyd::tpm::Wrap({.endorsement_key = bytes("endorsement_key"),
                                    .storage_root_key = bytes("storage_root_key"),
                                    .hmac_key = ToBytes("a key of thirty-two bytes, as is")}));
}

// A CA whose key keyd finds as the preloaded `local-ca`, and CSRs of a key that nobody keeps.
void World::MakeAuthority() {
  const std::string dir = suite_.root().Join("var/secrets/wire");
  Run(absl::StrCat("install -d ", dir, " && cd ", dir,
                   " && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key",
                   " -out ca.pem -subj '/CN=wire CA' -days 100 2>&1 && chmod 0644 ca.*",
                   " && chown aziotks ca.key && chmod 0600 ca.key && echo text > no-certificate"));
  const std::string key = absl::StrCat(dir, "/leaf.key");
  names_["csr"] =
      Escaped(Run(absl::StrCat("openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes",
                               " -keyout ", key, " -subj '/CN=asked' 2>/dev/null")));
  // Another name under the same signature.
  names_["csr.tampered"] = Escaped(Run(absl::StrCat(
      "openssl req -new -key ", key,
      " -subj '/CN=asked' -outform DER | sed s/asked/taken/ | openssl base64 | ",
      "sed -e '1i -----BEGIN CERTIFICATE REQUEST-----' -e '$a -----END CERTIFICATE REQUEST-----'")));
  names_["ca"] = Escaped(files::Read(absl::StrCat(dir, "/ca.pem")).value_or(""));
}

// The CSR of a pair in keyd, whose id certd signs with itself.
void World::MakeSelfSignedRequest() {
  const http::Response pair =
      suite_.Ask(0, "keyd", "POST", "/keypair?api-version=2021-05-01", R"({"keyId":"agent-self"})");
  ASSERT_EQ(pair.status, 200) << pair.body;
  const std::string handle = Json::parse(pair.body).at("keyHandle");
  names_["csr.self"] = Escaped(Run(absl::StrCat(
      "openssl req -new -provider-path ", BuildDir(),
      "/lib/ossl-modules -provider default -provider aziot_keys -subj '/CN=asked' -key 'aziot:", handle,
      ";socket=", suite_.root().Join("run/aziot/keyd.sock"), "' 2>/dev/null")));
}

void World::AddDropIn(const std::string& daemon, absl::string_view toml) {
  const std::string text =
      absl::StrReplaceAll(toml, {{"ROOT", suite_.root().path()},
                                 {"CERTD", absl::StrCat(getpwnam("aziotcs")->pw_uid)},
                                 {"IDENTITYD", absl::StrCat(getpwnam("aziotid")->pw_uid)}});
  const std::string path = suite_.root().Join(absl::StrCat("etc/aziot/", daemon, "/config.d/wire.toml"));
  ASSERT_TRUE(files::Replace(path, text, 0644).ok());
}

// The [provisioning] of config.toml; the cloud, where there is one, runs and knows the device.
std::string World::Provision() {
  if (provisioning_ == "none") return "[provisioning]\nsource = \"none\"\n";
  suite_.StartCloud();
  names_["hub"] = suite_.hub();
  names_["device"] = "wire-device";
  if (provisioning_ == "manual") {
    const Json made = Json::parse(Run(absl::StrCat(
        BuildDir(), "/bin/provisionctl --root ", suite_.root().path(), " device create wire-device --json")));
    const std::string key = made.at("keys").at("primaryKey");
    return absl::StrCat("[provisioning]\nsource = \"manual\"\niothub_hostname = \"", suite_.hub(),
                        "\"\ndevice_id = \"wire-device\"\n[provisioning.authentication]\nmethod = \"sas\"\n",
                        "device_id_pk = { value = \"", key, "\" }\n");
  }
  const Output enrolled = suite_.Provisionctl("enrollment create wire-device --json");
  const Output status = suite_.Provisionctl("status --json");
  EXPECT_EQ(enrolled.status, 0) << enrolled.text;
  names_["scope"] = Json::parse(status.text).at("scopes").at(0);
  const std::string key = Json::parse(enrolled.text).at("keys").at("primaryKey");
  const std::string payload = suite_.root().Join("var/secrets/wire/payload.json");
  EXPECT_TRUE(files::Replace(payload, kPayload, 0644).ok());
  return absl::StrCat("[provisioning]\nsource = \"dps\"\nglobal_endpoint = \"https://", suite_.hub(),
                      "\"\nid_scope = \"", names_["scope"], "\"\n[provisioning.attestation]\n",
                      "method = \"symmetric_key\"\nregistration_id = \"wire-device\"\n",
                      "symmetric_key = { value = \"", key, "\" }\n[provisioning.payload]\nuri = \"file://",
                      payload, "\"\n");
}

void World::Configure() {
  const std::string toml = absl::StrCat("hostname = \"host\"\n", Provision());
  ASSERT_TRUE(files::Replace(suite_.root().Join("etc/aziot/config.toml"), toml, 0600).ok());
  const Output applied = suite_.Aziotctl("config apply 2>&1");
  ASSERT_EQ(applied.status, 0) << applied.text;
  AddDropIn("keyd", kKeyd);
  AddDropIn("certd", kCertd);
  AddDropIn("identityd", provisioning_ == "none" ? kIdentityd : absl::StrCat(kIdentityd, kIdentitydModules));
}

uid_t World::Uid(absl::string_view user) {
  for (const auto& [name, uid] : kUsers) {
    if (name == user) return uid;
  }
  ADD_FAILURE() << "no user " << std::string(user);
  return 64099;
}

http::Response World::Send(absl::string_view user, const std::string& daemon,
                           const http::Request& request) const {
  return suite_.Send(Uid(user), daemon, request);
}

GrpcPeer& World::Peer(absl::string_view user, const std::string& daemon) {
  std::unique_ptr<GrpcPeer>& peer = peers_[{std::string(user), daemon}];
  if (peer == nullptr) {
    peer = std::make_unique<GrpcPeer>(suite_.root().Join(absl::StrCat("run/aziot/", daemon, ".sock")),
                                      Uid(user), Suite::SocketGroups());
  }
  return *peer;
}

}  // namespace aziot::tests
