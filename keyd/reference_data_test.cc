// A home directory as the reference leaves it (keyd/testdata/reference_home: its names, raw keys, PKCS#8,
// and the PKCS#1 and SEC1 forms it reads) is used as it is, and what keyd writes there the reference reads.
// The keys in it are of no device.
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/stat.h>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/bytes/base64.h"
#include "common/bytes/hex.h"
#include "common/openssl/digest.h"
#include "common/openssl/owned.h"
#include "keyd/program_fixture.h"

namespace aziot::keyd {
namespace {

// keys-service.md, section 14: minted by the validation key 00..1f.
constexpr char kGoldenHandle[] =
    "sr=eyJrZXlfaWQiOnsiS2V5UGFpciI6ImRldmljZS1pZCJ9LCJub25jZSI6InFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxc"
    "XFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFnPT0ifQ==&sig=6y5T1edwv3pD"
    "6Ppg9oBeC09YgykgKXOjSGQZS+aIdmY=";

Bytes Counting() {
  Bytes bytes(32);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i);
  return bytes;
}

class ReferenceDataTest : public KeydProgramTest {
 protected:
  void SetUp() override {
    const char* source = std::getenv("AZIOT_SOURCE_DIR");
    std::filesystem::copy(
        absl::StrCat(source == nullptr ? "." : source, "/keyd/testdata/reference_home"),
        root_.Join("var/lib/aziot/keyd"),
        std::filesystem::copy_options::recursive | std::filesystem::copy_options::overwrite_existing);
    before_ = Files();
    Start();
  }
  std::map<std::string, std::string> Files() const {
    std::map<std::string, std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(root_.Join("var/lib/aziot/keyd/keys"))) {
      files[entry.path().filename().string()] = files::Read(entry.path().string()).value_or("");
    }
    return files;
  }
  // The content of the key's file, whose name begins with the letters and digits of its id.
  std::string FileOf(const std::string& letters) const {
    for (const auto& [name, content] : Files()) {
      if (absl::StartsWith(name, letters + "-")) return content;
    }
    return "(absent)";
  }
  std::string Handle(const std::string& kind, const std::string& id) {
    const Answer got = Ask("GET", absl::StrCat("/", kind, "/", id, "?api-version=2020-09-01"));
    EXPECT_EQ(got.status, 200) << id << got.body << Log();
    return got["keyHandle"];
  }
  Answer Post(const std::string& path, const Json& body) {
    return Ask("POST", absl::StrCat(path, "?api-version=2020-09-01"), body.dump());
  }
  static openssl::PkeyPtr Parse(const std::string& pem) {
    const openssl::BioPtr text(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    return openssl::PkeyPtr(PEM_read_bio_PrivateKey(text.get(), nullptr, nullptr, nullptr));
  }

  std::map<std::string, std::string> before_;
};

TEST_F(ReferenceDataTest, ItsHandlesAndKeysWork) {
  const Bytes digest(32, 0x5a);
  const Answer signature = Post("/sign", {{"keyHandle", kGoldenHandle},
                                          {"algorithm", "ECDSA"},
                                          {"parameters", {{"digest", FormatBase64(digest)}}}});
  ASSERT_EQ(signature.status, 200) << signature.body << Log();
  const openssl::PkeyPtr key = Parse(FileOf("deviceid"));
  const openssl::PkeyCtxPtr verifier(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
  const Bytes der = *ParseBase64(signature["signature"]);
  ASSERT_EQ(EVP_PKEY_verify_init(verifier.get()), 1);
  EXPECT_EQ(EVP_PKEY_verify(verifier.get(), der.data(), der.size(), digest.data(), digest.size()), 1);

  EXPECT_EQ(Post("/parameters/algorithm", {{"keyHandle", Handle("keypair", "est-id")}})["value"], "ECDSA");
  EXPECT_EQ(Post("/parameters/algorithm", {{"keyHandle", Handle("keypair", "aziot-edged-ca")}})["value"],
            "RSA");

  const Answer derived =
      Post("/derivedkey", {{"baseKeyHandle", Handle("key", "aziot_identityd_master_id")},
                           {"derivationData", FormatBase64(ToBytesView("module:gen:primary"))}});
  const Answer exported = Post("/derivedkey/export", {{"keyHandle", derived["keyHandle"]}});
  EXPECT_EQ(FormatHex(*ParseBase64(exported["key"])),
            "7aa0007cc23f8cf320dd2eca68885de4aab4e5ed72042899a9e594a5e35a1bf7");

  for (const char* blob : {"02e98f6e5cfec7d3616e90ca44a013515dbd784a42ea8838a68e8312d820",
                           "0113515dbd784a42ea8838a68e8312d820e98f6e5cfec7d3616e90ca44a0"}) {
    const Answer decrypted =
        Post("/decrypt", {{"keyHandle", Handle("key", "iotedge_master_encryption_id")},
                          {"algorithm", "AEAD"},
                          {"parameters",
                           {{"iv", FormatBase64(ToBytesView("0123456789abcdef0123456789abcdef"))},
                            {"aad", FormatBase64(ToBytesView("$edgeAgent1"))}}},
                          {"ciphertext", FormatBase64(*ParseHex(blob))}});
    EXPECT_EQ(ToText(*ParseBase64(decrypted["plaintext"])), "someplaintext") << decrypted.body;
  }
  EXPECT_EQ(Files(), before_) << "using keys changes no file";
}

TEST_F(ReferenceDataTest, TornFilesAreMadeAgainAndNothingElseChanges) {
  EXPECT_EQ(Ask("GET", "/keypair/torn?api-version=2020-09-01").status, 500);
  EXPECT_EQ(Ask("GET", "/key/empty?api-version=2020-09-01").status, 500);
  EXPECT_EQ(Post("/keypair", {{"keyId", "torn"}, {"preferredAlgorithms", "ec-p256"}}).status, 200);
  EXPECT_EQ(Post("/key", {{"keyId", "empty"}, {"usage", "sign"}}).status, 200);
  EXPECT_EQ(Post("/keypair", {{"keyId", "aziot-edged-ca"}, {"preferredAlgorithms", "ec-p256"}}).status, 200);
  std::map<std::string, std::string> after = Files();
  for (const auto& [name, content] : before_) {
    const bool was_torn = absl::StartsWith(name, "torn-") || absl::StartsWith(name, "empty-");
    EXPECT_EQ(after.at(name) == content, !was_torn) << name;
  }
}

TEST_F(ReferenceDataTest, TheReferenceReadsWhatIsWritten) {
  ASSERT_EQ(Post("/key", {{"keyId", "new key"}, {"usage", "sign"}}).status, 200);
  ASSERT_EQ(Post("/key", {{"keyId", "raw"}, {"usage", "sign"}, {"keyBytes", "AAECAw=="}}).status, 200);
  EXPECT_EQ(FileOf("newkey").size(), 32u);
  EXPECT_EQ(FileOf("raw"), std::string("\0\1\2\3", 4));
  for (const std::string algorithm : {"ec-p256", "rsa-2048"}) {
    ASSERT_EQ(Post("/keypair", {{"keyId", "made"}, {"preferredAlgorithms", algorithm}}).status, 200);
    const std::string pem = FileOf("made");
    EXPECT_TRUE(absl::StartsWith(pem, "-----BEGIN PRIVATE KEY-----\n")) << pem.substr(0, 40);
    const openssl::PkeyPtr key = Parse(pem);
    ASSERT_NE(key, nullptr);
    EXPECT_EQ(EVP_PKEY_get_base_id(key.get()), algorithm == "ec-p256" ? EVP_PKEY_EC : EVP_PKEY_RSA);
    ASSERT_EQ(Ask("DELETE", "/keypair?api-version=2020-09-01",
                  Json{{"keyHandle", Handle("keypair", "made")}}.dump())
                  .status,
              204);
  }

  // A handle of ours by the rules of section 6: the payload's members in their order, signed by 00..1f.
  const std::string handle = Handle("keypair", "device-id");
  const std::vector<std::string> parts = absl::StrSplit(handle, '&');
  ASSERT_EQ(parts.size(), 2u);
  const Bytes payload = *ParseBase64(absl::StripPrefix(parts[0], "sr="));
  const auto mac = openssl::HmacSha256(Counting(), payload);
  EXPECT_EQ(parts[1], absl::StrCat("sig=", FormatBase64(mac)));
  const Json json = Json::parse(ToText(payload));
  const std::string nonce = json.at("nonce");
  EXPECT_EQ(ToText(payload), absl::StrCat(R"({"key_id":{"KeyPair":"device-id"},"nonce":")", nonce, R"("})"));
  EXPECT_EQ(ParseBase64(nonce)->size(), 64u);
}

}  // namespace
}  // namespace aziot::keyd
