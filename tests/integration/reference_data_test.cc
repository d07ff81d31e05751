// Data directories as the reference leaves them, written by hand from its formats, under our daemons; and
// what ours leave, read with the openssl command: an operator upgrades in place and rolls back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/files/files.h"
#include "tests/support/suite.h"

namespace aziot::tests {
namespace {

using Json = nlohmann::json;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr uid_t kAgent = 64060;
constexpr char kValidationKeyFile[] =
    "handlevalidationkey-40f1ca41fe8b50f53e10f3e3a580dcae24087f37aa498ba9903f2612b03e90ba.key";
constexpr char kDeviceIdFile[] =
    "deviceid-bd732105ef89cf8edd2606a5309c8a26b7b5599a4e124a0fe6199b6b2f60e655.key";
// Of the pair `device-id`, made with the validation key 00..1f (keys-service.md, section 14).
constexpr char kHandle[] =
    "sr=eyJrZXlfaWQiOnsiS2V5UGFpciI6ImRldmljZS1pZCJ9LCJub25jZSI6InFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxc"
    "XFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFnPT0ifQ==&sig=6y5T1edwv3pD"
    "6Ppg9oBeC09YgykgKXOjSGQZS+aIdmY=";
constexpr char kKeyHex[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

std::string Shell(const std::string& command) {
  const Output output = RunCommand(command);
  EXPECT_EQ(output.status, 0) << command << "\n" << output.text;
  return output.text;
}

std::string Sha256(const std::string& text) {
  return Shell(absl::StrCat("printf %s '", text, "' | sha256sum | cut -d' ' -f1 | tr -d '\\n'"));
}

// Base64 of the HMAC of what `command` prints.
std::string Hmac(const std::string& key_hex, const std::string& command) {
  return Shell(absl::StrCat(command, " | openssl dgst -sha256 -mac HMAC -macopt hexkey:", key_hex,
                            " -binary | base64 -w 0"));
}

class ReferenceDataTest : public ::testing::Test {
 protected:
  std::string KeyFile(const std::string& name) {
    return suite_.root().Join(absl::StrCat("var/lib/aziot/keyd/keys/", name));
  }
  // The name of a file for `id`: its letters and digits, and its hash.
  static std::string NameOf(const std::string& id, const std::string& extension) {
    return absl::StrCat(Shell(absl::StrCat("printf %s '", id, "' | tr -cd 'A-Za-z0-9'")), "-", Sha256(id),
                        ".", extension);
  }
  void Write(const std::string& path, const std::string& content, mode_t mode = 0644) {
    ASSERT_TRUE(files::Replace(path, content, mode).ok()) << path;
  }
  void Configure(const std::string& daemon, const std::string& toml) {
    Write(suite_.root().Join(absl::StrCat("etc/aziot/", daemon, "/config.d/00-super.toml")), toml);
  }
  std::string Home(const std::string& daemon) {
    return suite_.root().Join(absl::StrCat("var/lib/aziot/", daemon));
  }

  void WriteKeys() {
    const std::string dir = Home("keyd") + "/keys";
    Shell(absl::StrCat("install -d ", dir));
    const std::string raw = absl::HexStringToBytes(kKeyHex);
    Write(KeyFile(kValidationKeyFile), raw);
    Write(KeyFile(NameOf("aziot_identityd_master_id", "key")), raw);
    Write(KeyFile(NameOf("sas-id", "key")), "short");
    Shell(absl::StrCat("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ",
                       KeyFile(kDeviceIdFile)));
    Shell(absl::StrCat("openssl genrsa -traditional -out ", KeyFile(NameOf("pkcs1", "key")),
                       " 2048 2>/dev/null"));
    Shell(absl::StrCat("openssl ecparam -name prime256v1 -genkey -noout -out ",
                       KeyFile(NameOf("sec1", "key"))));
    Shell(absl::StrCat("chown -R aziotks:aziotks ", dir));
    Configure("keyd", absl::StrCat("[aziot_keys]\nhomedir_path = \"", Home("keyd"),
                                   "\"\n[[principal]]\nuid = ", Shell("id -u aziotid | tr -d '\\n'"),
                                   "\nkeys = [\"aziot_identityd_master_id\", \"sas-id\"]\n"));
  }
  http::Response Keyd(const std::string& verb, const std::string& path, const Json& body = nullptr) {
    return suite_.Ask(0, "keyd", verb, path + "?api-version=2020-09-01", body.is_null() ? "" : body.dump());
  }
  std::string Handle(const std::string& path) {
    const http::Response answer = Keyd("GET", path);
    EXPECT_EQ(answer.status, 200) << path << " " << answer.body;
    return answer.status == 200 ? Json::parse(answer.body).at("keyHandle") : "";
  }
  std::string Sign(const std::string& handle, const std::string& message) {
    const http::Response answer = Keyd("POST", "/sign",
                                       {{"keyHandle", handle},
                                        {"algorithm", "HMAC-SHA256"},
                                        {"parameters", {{"message", absl::Base64Escape(message)}}}});
    EXPECT_EQ(answer.status, 200) << answer.body;
    return answer.status == 200 ? Json::parse(answer.body).at("signature") : "";
  }
  std::string Parameter(const std::string& handle, const std::string& name) {
    const http::Response answer = Keyd("POST", absl::StrCat("/parameters/", name), {{"keyHandle", handle}});
    EXPECT_EQ(answer.status, 200) << answer.body;
    return answer.status == 200 ? Json::parse(answer.body).at("value") : "";
  }
  // The compressed point of the EC key in a file, as openssl sees it.
  static std::string PointOf(const std::string& file) {
    return Shell(absl::StrCat("openssl ec -in ", file,
                              " -pubout -conv_form compressed -outform DER 2>/dev/null | ",
                              "tail -c 33 | base64 -w 0"));
  }

  Suite suite_;
};

TEST_F(ReferenceDataTest, KeysAndHandlesOfTheReferenceWork) {
  WriteKeys();
  suite_.StartKeyd();
  // A handle that the reference gave out.
  EXPECT_EQ(Parameter(kHandle, "ec-point"), PointOf(KeyFile(kDeviceIdFile)));
  EXPECT_EQ(Parameter(Handle("/keypair/sec1"), "ec-point"), PointOf(KeyFile(NameOf("sec1", "key"))));
  const std::string modulus = Shell(absl::StrCat("openssl rsa -in ", KeyFile(NameOf("pkcs1", "key")),
                                                 " -noout -modulus 2>/dev/null | cut -d= -f2 | tr -d '\\n'"));
  EXPECT_EQ(Parameter(Handle("/keypair/pkcs1"), "rsa-modulus"),
            absl::Base64Escape(absl::HexStringToBytes(modulus)));
  EXPECT_EQ(Sign(Handle("/key/sas-id"), "hello"), Hmac(absl::BytesToHexString("short"), "printf hello"));
}

TEST_F(ReferenceDataTest, TheReferenceCanReadWhatOursWrites) {
  WriteKeys();
  suite_.StartKeyd();
  const std::string before = *files::Read(KeyFile(NameOf("pkcs1", "key")));

  const http::Response made =
      Keyd("POST", "/keypair", {{"keyId", "a/b pair"}, {"preferredAlgorithms", "ec-p256"}});
  ASSERT_EQ(made.status, 200) << made.body;
  const std::string handle = Json::parse(made.body).at("keyHandle");
  const std::string pair = KeyFile(NameOf("a/b pair", "key"));
  EXPECT_THAT(files::Read(pair).value_or(""), StartsWith("-----BEGIN PRIVATE KEY-----\n"));
  EXPECT_EQ(PointOf(pair), Parameter(handle, "ec-point"));
  ASSERT_EQ(Keyd("POST", "/key", {{"keyId", "new"}, {"usage", "sign"}}).status, 200);
  EXPECT_EQ(files::Read(KeyFile(NameOf("new", "key"))).value_or("").size(), 32u);
  // What was there is as it was.
  EXPECT_EQ(*files::Read(KeyFile(kValidationKeyFile)), absl::HexStringToBytes(kKeyHex));
  EXPECT_EQ(*files::Read(KeyFile(NameOf("pkcs1", "key"))), before);

  // The handle, taken apart by its rule.
  const std::vector<std::string> parts = absl::StrSplit(handle, "&sig=");
  ASSERT_EQ(parts.size(), 2u) << handle;
  const std::string payload = parts[0].substr(3);
  EXPECT_EQ(parts[1], Hmac(kKeyHex, absl::StrCat("printf %s '", payload, "' | base64 -d")));
  std::string json;
  ASSERT_TRUE(absl::Base64Unescape(payload, &json));
  const std::string nonce = Json::parse(json).at("nonce");
  EXPECT_EQ(json, absl::StrCat(R"({"key_id":{"KeyPair":"a/b pair"},"nonce":")", nonce, "\"}"));
  std::string bytes;
  ASSERT_TRUE(absl::Base64Unescape(nonce, &bytes));
  EXPECT_EQ(bytes.size(), 64u);
}

TEST_F(ReferenceDataTest, CertificatesOfTheReferenceAreServed) {
  const std::string dir = Home("certd") + "/certs";
  Shell(absl::StrCat("install -d ", dir));
  const std::string chain =
      "Bag Attributes\r\n-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
  Write(absl::StrCat(dir, "/", NameOf("aziot-edged/module/m:637:server", "cer")), chain);
  Shell(absl::StrCat("chown -R aziotcs:aziotcs ", dir));
  Configure("certd", absl::StrCat("homedir_path = \"", Home("certd"), "\"\n"));
  suite_.StartCertd();
  const auto got = suite_.Ask(kAgent, "certd", "GET",
                              "/certificates/aziot-edged%2Fmodule%2Fm:637:server?api-version=2020-09-01");
  EXPECT_EQ(got.body, Json({{"pem", chain}}).dump());
  ASSERT_EQ(suite_.Ask(0, "certd", "PUT", "/certificates/device-id?api-version=2020-09-01", got.body).status,
            201);
  EXPECT_EQ(files::Read(absl::StrCat(dir, "/", NameOf("device-id", "cer"))).value_or(""), chain);
}

// Provisioned by the reference, whose cloud is away when ours starts: the device and its module are who they
// were, and the module's key is the one the hub knows.
TEST_F(ReferenceDataTest, AProvisionedDeviceStaysWhatItIs) {
  WriteKeys();
  const std::string home = Home("identityd");
  const std::string hub = "h.example.invalid";
  const std::string device = "Dev-1";
  const std::string settings =
      absl::StrCat("hostname = \"host\"\nhomedir = \"", home,
                   "\"\nmax_requests = 10\nprefer_module_identity_cache = false\n\n",
                   "[provisioning]\nsource = \"dps\"\nglobal_endpoint = \"https://localhost:9/\"\nscope_id = "
                   "\"0ne00000001\"\n\n",
                   "[provisioning.attestation]\nmethod = \"symmetric_key\"\nregistration_id = \"r1\"\n",
                   "symmetric_key = \"sas-id\"\n\n[[principal]]\nuid = ", kAgent,
                   "\nname = \"m1\"\nidtype = [\"module\"]\n");
  const std::string device_info = absl::StrCat("hub_name = \"", hub, "\"\nlocal_gateway_hostname = \"", hub,
                                               "\"\ndevice_id = \"", device, "\"\n");
  const std::string modules = absl::StrCat(home, "/modules/", Sha256(hub), "-", Sha256(device));
  Shell(absl::StrCat("install -d ", modules));
  Write(home + "/device_info", device_info);
  Write(home + "/prev_state",
        absl::StrCat(settings, "\n[endpoints]\naziot_identityd = \"unix:///run/x.sock\"\n"));
  Write(absl::StrCat(modules, "/m1-", Sha256("m1")),
        R"({"moduleId":"m1","managedBy":"","deviceId":"Dev-1","generationId":"637"})");
  Shell(absl::StrCat("chown -R aziotid:aziotid ", home));
  Configure("identityd", settings);

  suite_.StartKeyd();
  suite_.StartIdentityd();
  ASSERT_TRUE(Eventually([&] {
    return suite_.Ask(kAgent, "identityd", "GET", "/identities/identity?api-version=2020-09-01").status ==
           200;
  })) << suite_.identityd().Log();
  const auto answer = suite_.Ask(kAgent, "identityd", "GET", "/identities/identity?api-version=2020-09-01");
  const Json spec = Json::parse(answer.body).at("spec");
  EXPECT_EQ(spec.at("hubName"), hub);
  EXPECT_EQ(spec.at("deviceId"), device);
  EXPECT_EQ(spec.at("moduleId"), "m1");
  EXPECT_EQ(spec.at("genId"), "637");
  // The primary key of m1 in generation 637 under the master key 00..1f (identity-service.md, 6.4).
  std::string primary;
  ASSERT_TRUE(absl::Base64Unescape("NZGro/N05Jono5k/ynkiJ/LbdxpiWtSbWKKWYC8PpfI=", &primary));
  EXPECT_EQ(Sign(spec.at("auth").at("keyHandle"), "hello"),
            Hmac(absl::BytesToHexString(primary), "printf hello"));

  // For the way back: the files are still there, and say the same.
  suite_.identityd().Stop(SIGTERM);
  EXPECT_EQ(files::Read(home + "/device_info").value_or(""), device_info);
  EXPECT_THAT(files::Read(home + "/prev_state").value_or(""), HasSubstr("name = \"m1\""));
  const Json kept = Json::parse(files::Read(absl::StrCat(modules, "/m1-", Sha256("m1"))).value_or("null"));
  EXPECT_EQ(kept.at("generationId"), "637");
}

}  // namespace
}  // namespace aziot::tests
