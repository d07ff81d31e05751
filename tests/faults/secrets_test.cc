// After each operation the memory of keyd, its log and its files are searched for what only its locked memory
// may hold: keys that were made, imported or derived, the text of private keys, and plaintexts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <pwd.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "aziot/keys/v1/keys.pb.h"
#include "common/bytes/base64.h"
#include "common/files/files.h"
#include "common/http/client.h"
#include "common/openssl/digest.h"
#include "common/openssl/owned.h"
#include "tests/faults/memory_search.h"
#include "tests/faults/victim.h"
#include "tests/faults/worlds.h"
#include "tests/wire/grpc_peer.h"

namespace aziot::tests::faults {
namespace {

using Json = nlohmann::json;
using ::testing::IsEmpty;

class SecretsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(files::Replace(root_.Join("etc/aziot/keyd/config.toml"),
                               absl::StrCat("[aziot_keys]\nhomedir_path = \"", keyd_.home(), "\"\n"), 0644)
                    .ok());
    ASSERT_NO_FATAL_FAILURE(keyd_.Start());
  }

  // On a kept connection, whose buffers live on; and once more on one of its own.
  http::Response Ask(const std::string& path, const std::string& body) {
    http::Request request{.method = "POST", .target = absl::StrCat(path, "?api-version=2021-05-01")};
    request.headers.Add("content-type", "application/json");
    request.body = body;
    const auto answer = kept_.Send(request, absl::Seconds(60));
    EXPECT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->status, 200) << answer->body << keyd_.process().Log();
    EXPECT_EQ(keyd_.Ask("POST", request.target, body).status, 200);
    return *answer;
  }
  std::string Handle(const std::string& path, const std::string& body) {
    return Member(Ask(path, body), "keyHandle");
  }
  void ExpectNothing(absl::string_view after) {
    // Threads wipe their buffers and stacks when they come to rest, which may be after the answer.
    const auto clean = [&] { return search_.FindIn(keyd_.process().pid()).empty(); };
    for (int i = 0; i < 40 && !clean(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(25));
    EXPECT_THAT(search_.FindIn(keyd_.process().pid()), IsEmpty()) << "after " << after;
    EXPECT_THAT(search_.FindIn("the log", keyd_.process().Log()), IsEmpty()) << "after " << after;
  }
  void AddSecret(absl::string_view name, BytesView secret) {
    search_.AddBytes(name, secret);
    search_.AddBase64(name, secret);
  }
  // The content of the one key file that was not there before.
  Bytes NewFile() {
    Bytes content;
    for (const auto& entry : std::filesystem::directory_iterator(keyd_.home() + "/keys")) {
      if (!files_.insert(entry.path().string()).second) continue;
      content = ToBytes(files::Read(entry.path().string()).value_or(""));
    }
    return content;
  }
  void AddPair(absl::string_view name, BytesView pem) {
    search_.AddBytes(absl::StrCat(name, ", PEM"), pem.subspan(28, pem.size() - 28 - 27));
    const openssl::BioPtr text(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    const openssl::PkeyPtr key(PEM_read_bio_PrivateKey(text.get(), nullptr, nullptr, nullptr));
    ASSERT_NE(key, nullptr);
    for (const char* number : {OSSL_PKEY_PARAM_PRIV_KEY, OSSL_PKEY_PARAM_RSA_D, OSSL_PKEY_PARAM_RSA_FACTOR1,
                               OSSL_PKEY_PARAM_RSA_FACTOR2, OSSL_PKEY_PARAM_RSA_EXPONENT1,
                               OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1}) {
      BIGNUM* raw = nullptr;
      if (EVP_PKEY_get_bn_param(key.get(), number, &raw) != 1) continue;
      const openssl::BignumPtr owned(raw);
      Bytes value(static_cast<size_t>(BN_num_bytes(raw)));
      BN_bn2bin(raw, value.data());
      search_.AddBytes(absl::StrCat(name, ", ", number), value);
      std::reverse(value.begin(), value.end());  // as OpenSSL computes with it
      search_.AddBytes(absl::StrCat(name, ", ", number, " in words"), value);
    }
  }

  TempRoot root_;
  Victim keyd_{root_, "keyd", "aziotks"};
  http::UnixClient kept_{root_.Join("run/aziot/keyd.sock")};
  MemorySearch search_;
  std::set<std::string> files_;
};

TEST_F(SecretsTest, SymmetricKeysAndPlaintexts) {
  const Bytes imported = openssl::RandomBytes(32);
  AddSecret("an imported key", imported);
  const std::string handle = Handle(
      "/key",
      Json{{"keyId", "imported"}, {"usage", "derive,sign"}, {"keyBytes", FormatBase64(imported)}}.dump());
  ExpectNothing("an import");
  std::filesystem::directory_iterator names(keyd_.home() + "/keys");
  for (const auto& entry : names) files_.insert(entry.path().string());

  Handle("/key", CreateKeyBody("made"));
  AddSecret("a key that was made", NewFile());
  ExpectNothing("a creation");

  const std::string sign =
      Json{{"keyHandle", handle}, {"algorithm", "HMAC-SHA256"}, {"parameters", {{"message", "aGVsbG8="}}}}
          .dump();
  Ask("/sign", sign);
  ExpectNothing("HMAC");

  const std::string derived =
      Handle("/derivedkey", Json{{"baseKeyHandle", handle}, {"derivationData", "bW9kdWxl"}}.dump());
  const http::Response exported = Ask("/derivedkey/export", HandleBody(derived));
  AddSecret("a derived key", *ParseBase64(Member(exported, "key")));
  ExpectNothing("an export");

  const Bytes plaintext = openssl::RandomBytes(20000);
  AddSecret("a plaintext", plaintext);
  for (const std::string& key : {handle, derived}) {
    Json request{{"keyHandle", key},
                 {"algorithm", "AEAD"},
                 {"parameters", {{"iv", "MTIzNDU2Nzg5MDEy"}, {"aad", ""}}},
                 {"plaintext", FormatBase64(plaintext)}};
    const http::Response encrypted = Ask("/encrypt", request.dump());
    ExpectNothing("an encryption");
    request.erase("plaintext");
    request["ciphertext"] = Member(encrypted, "ciphertext");
    EXPECT_EQ(Member(Ask("/decrypt", request.dump()), "plaintext"), FormatBase64(plaintext));
    ExpectNothing("a decryption");
  }
}

// The same through gRPC's buffers, on a connection that stays open.
TEST_F(SecretsTest, OverGrpc) {
  GrpcPeer peer(root_.Join("run/aziot/keyd.sock"), 0, {});
  const auto call = [&](const std::string& method, const google::protobuf::Message& request,
                        google::protobuf::Message& reply) {
    const GrpcReply answer = peer.Call("/aziot.keys.v1.Keys/" + method, request.SerializeAsString());
    ASSERT_EQ(answer.code, "OK") << answer.message << keyd_.process().Log();
    ASSERT_TRUE(reply.ParseFromString(answer.payload));
  };
  const Bytes imported = openssl::RandomBytes(32);
  AddSecret("an imported key", imported);
  keys::v1::CreateKeyRequest create;
  create.set_key_id("imported");
  create.set_usage("derive,sign,encrypt");
  create.set_key_bytes(std::string(ToText(imported)));
  keys::v1::KeyHandle key;
  ASSERT_NO_FATAL_FAILURE(call("CreateKey", create, key));
  ExpectNothing("an import");

  keys::v1::CreateDerivedKeyRequest derive;
  derive.set_base_key_handle(key.key_handle());
  keys::v1::KeyHandle derived;
  ASSERT_NO_FATAL_FAILURE(call("CreateDerivedKey", derive, derived));
  keys::v1::DerivedKey exported;
  ASSERT_NO_FATAL_FAILURE(call("ExportDerivedKey", derived, exported));
  AddSecret("a derived key", ToBytesView(exported.key()));
  ExpectNothing("an export");

  const Bytes plaintext = openssl::RandomBytes(20000);
  AddSecret("a plaintext", plaintext);
  keys::v1::EncryptRequest encrypt;
  encrypt.set_key_handle(key.key_handle());
  encrypt.set_algorithm("AEAD");
  encrypt.mutable_parameters()->set_iv("123456789012");
  encrypt.set_plaintext(std::string(ToText(plaintext)));
  keys::v1::EncryptReply encrypted;
  ASSERT_NO_FATAL_FAILURE(call("Encrypt", encrypt, encrypted));
  ExpectNothing("an encryption");
  keys::v1::DecryptRequest decrypt;
  decrypt.set_key_handle(key.key_handle());
  decrypt.set_algorithm("AEAD");
  *decrypt.mutable_parameters() = encrypt.parameters();
  decrypt.set_ciphertext(encrypted.ciphertext());
  keys::v1::DecryptReply decrypted;
  ASSERT_NO_FATAL_FAILURE(call("Decrypt", decrypt, decrypted));
  EXPECT_EQ(decrypted.plaintext(), ToText(plaintext));
  ExpectNothing("a decryption");
}

TEST_F(SecretsTest, Pairs) {
  Handle("/key", CreateKeyBody("made"));
  NewFile();
  for (const std::string algorithm : {"ec-p256", "rsa-2048"}) {
    const std::string handle =
        Handle("/keypair", Json{{"keyId", algorithm}, {"preferredAlgorithms", algorithm}}.dump());
    AddPair(algorithm, NewFile());
    ExpectNothing(absl::StrCat("making ", algorithm));
    if (algorithm == "ec-p256") {
      Ask("/sign", Json{{"keyHandle", handle},
                        {"algorithm", "ECDSA"},
                        {"parameters", {{"digest", FormatBase64(Bytes(32, 7))}}}}
                       .dump());
    } else {
      Ask("/encrypt",
          Json{{"keyHandle", handle}, {"algorithm", "RSA-PKCS1"}, {"plaintext", "aGVsbG8="}}.dump());
    }
    ExpectNothing(absl::StrCat("using ", algorithm));
  }
}

// The search itself: it finds what is there, and looks past the locked memory only.
TEST_F(SecretsTest, TheSearchFindsWhatIsOrdinaryMemory) {
  EXPECT_GE(MemorySearch::LockedBytes(keyd_.process().pid()), size_t{1} << 20);
  MemorySearch search;
  search.AddBytes("the root", ToBytesView(root_.path()));
  EXPECT_THAT(search.FindIn(keyd_.process().pid()), ::testing::Not(IsEmpty()));
}

TEST_F(SecretsTest, NoCoreDumpAndNoOtherUserReadsTheMemory) {
  const std::string proc = absl::StrCat("/proc/", keyd_.process().pid());
  struct stat facts {};
  ASSERT_EQ(stat((proc + "/environ").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_uid, 0u) << "a process that may be dumped belongs to its user, "
                              << getpwnam("aziotks")->pw_uid;
  const std::string limits = files::Read(proc + "/limits").value_or("");
  for (const absl::string_view line : absl::StrSplit(limits, '\n')) {
    if (line.substr(0, 18) != "Max core file size") continue;
    const std::vector<absl::string_view> words = absl::StrSplit(line.substr(18), ' ', absl::SkipEmpty());
    EXPECT_EQ(words.at(0), "0");
    EXPECT_EQ(words.at(1), "0");
    return;
  }
  FAIL() << limits;
}

}  // namespace
}  // namespace aziot::tests::faults
