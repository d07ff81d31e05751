#include "keyd/service/operations.h"

#include "common/bytes/base64.h"
#include "common/bytes/hex.h"
#include "keyd/service/service_fixture.h"

namespace aziot::keyd {
namespace {

std::string Counting() {
  std::string bytes;
  for (char c = 0; c < 32; ++c) bytes += c;
  return bytes;
}

class OperationsTest : public ServiceFixture {
 protected:
  auto Sign(absl::string_view handle, absl::string_view algorithm, std::optional<std::string> digest,
            std::optional<std::string> message) {
    auto request = WithHandle<keys::v1::SignRequest>(handle);
    request.set_algorithm(std::string(algorithm));
    if (digest.has_value()) request.mutable_parameters()->set_digest(*digest);
    if (message.has_value()) request.mutable_parameters()->set_message(*message);
    return Call(operations_, &Operations::Sign, request, kStranger);
  }
  auto SignHmac(absl::string_view handle, absl::string_view message) {
    return Sign(handle, "HMAC-SHA256", std::nullopt, std::string(message));
  }
  auto SignEcdsa(absl::string_view handle) {
    return Sign(handle, "ECDSA", std::string(32, 'd'), std::nullopt);
  }
  auto Encrypt(absl::string_view handle, absl::string_view algorithm, absl::string_view text,
               absl::string_view iv = "", absl::string_view aad = "") {
    auto request = WithHandle<keys::v1::EncryptRequest>(handle);
    request.set_algorithm(std::string(algorithm));
    request.set_plaintext(std::string(text));
    if (!iv.empty()) {
      request.mutable_parameters()->set_iv(std::string(iv));
      request.mutable_parameters()->set_aad(std::string(aad));
    }
    return Call(operations_, &Operations::Encrypt, request, kStranger);
  }
  auto Decrypt(absl::string_view handle, absl::string_view algorithm, absl::string_view text,
               absl::string_view iv = "", absl::string_view aad = "") {
    auto request = WithHandle<keys::v1::DecryptRequest>(handle);
    request.set_algorithm(std::string(algorithm));
    request.set_ciphertext(std::string(text));
    if (!iv.empty()) {
      request.mutable_parameters()->set_iv(std::string(iv));
      request.mutable_parameters()->set_aad(std::string(aad));
    }
    return Call(operations_, &Operations::Decrypt, request, kStranger);
  }
};

const std::string kWrongMechanism = Invalid("mechanism", "mechanism cannot be used with this key type");

TEST_F(OperationsTest, DerivedKeyGoldenVectors) {
  const std::string derived = Derive(CreateKey("base", Counting()));
  const auto exported = Call(derived_keys_, &DerivedKeys::ExportDerivedKey, WithHandle(derived), kStranger);
  ASSERT_TRUE(exported.ok()) << exported.status();
  EXPECT_EQ(FormatHex(ToBytesView(exported->key())),
            "7aa0007cc23f8cf320dd2eca68885de4aab4e5ed72042899a9e594a5e35a1bf7");
  EXPECT_EQ(FormatBase64(ToBytesView(SignHmac(derived, "hello")->signature())),
            "XiSLtnTl5cPxPFqaDW1QveTF8ssatzph3MM1RCd+5Ew=");
  const auto encrypted = Encrypt(derived, "AEAD", "someplaintext", "123456789012");
  EXPECT_EQ(FormatHex(ToBytesView(encrypted->ciphertext())),
            "021e5f7696032a768cb57926f9d3deabe7739f3003998e0e72130631d9c7");
  EXPECT_EQ(Decrypt(derived, "AEAD", encrypted->ciphertext(), "123456789012")->plaintext(), "someplaintext");
}

TEST_F(OperationsTest, AeadGoldenVectors) {
  const std::string key = CreateKey("key", Counting());
  const absl::string_view iv = "0123456789abcdef0123456789abcdef";
  const absl::string_view aad = "$edgeAgent1";
  EXPECT_EQ(FormatHex(ToBytesView(Encrypt(key, "AEAD", "someplaintext", iv, aad)->ciphertext())),
            "02e98f6e5cfec7d3616e90ca44a013515dbd784a42ea8838a68e8312d820");
  for (const absl::string_view blob : {"02e98f6e5cfec7d3616e90ca44a013515dbd784a42ea8838a68e8312d820",
                                       "0113515dbd784a42ea8838a68e8312d820e98f6e5cfec7d3616e90ca44a0"}) {
    EXPECT_EQ(Decrypt(key, "AEAD", ToText(*ParseHex(blob)), iv, aad)->plaintext(), "someplaintext");
  }
}

TEST_F(OperationsTest, PairsSignAndDoTheRsaOperation) {
  EXPECT_TRUE(SignEcdsa(CreatePair("ec")).ok());
  const std::string rsa = CreatePair("rsa", "rsa-2048");
  EXPECT_EQ(Encrypt(rsa, "RSA-PKCS1", "text")->ciphertext().size(), 256u);
  EXPECT_EQ(Encrypt(rsa, "RSA-NO-PADDING", std::string(256, 'a'))->ciphertext().size(), 256u);
  EXPECT_THAT(Encrypt(rsa, "RSA-NO-PADDING", "short"), Answers(500, kInternal));
  EXPECT_THAT(SignEcdsa(rsa), Answers(400, kBadParameter));
  EXPECT_THAT(Encrypt(CreatePair("ec"), "RSA-PKCS1", "text"), Answers(400, kBadParameter));
}

TEST_F(OperationsTest, UnknownWordsAreUnprocessableBeforeTheHandle) {
  EXPECT_EQ(rpc::ToWire(Sign("x", "RSA-PSS", "d", "m").status()).http, 422);
  EXPECT_EQ(rpc::ToWire(Sign("x", "ECDSA", std::nullopt, "m").status()).http, 422);
  EXPECT_EQ(rpc::ToWire(Sign("x", "HMAC-SHA256", "d", std::nullopt).status()).http, 422);
  EXPECT_EQ(rpc::ToWire(Encrypt("x", "AEAD", "text").status()).http, 422);
  EXPECT_EQ(rpc::ToWire(Encrypt("x", "aead", "text", "iv").status()).http, 422);
  EXPECT_EQ(rpc::ToWire(Decrypt("x", "AEAD", "text").status()).http, 422);
  EXPECT_EQ(rpc::ToWire(Decrypt("x", "", "text", "iv").status()).http, 422);
}

TEST_F(OperationsTest, TheHandleComesBeforeTheMechanism) {
  for (const auto& status :
       {SignEcdsa("x").status(), SignHmac("x", "m").status(), Encrypt("x", "RSA-PKCS1", "t").status(),
        Decrypt("x", "RSA-PKCS1", "t").status()}) {
    EXPECT_THAT(absl::StatusOr<int>(status), Answers(400, Invalid("handle", "invalid handle")));
  }
}

TEST_F(OperationsTest, AnyOtherPairingIsRefused) {
  const std::string key = CreateKey("key");
  const std::string pair = CreatePair("pair");
  const std::string derived = Derive(key);
  EXPECT_THAT(SignEcdsa(key), Answers(400, kWrongMechanism));
  EXPECT_THAT(SignEcdsa(derived), Answers(400, kWrongMechanism));
  EXPECT_THAT(SignHmac(pair, "m"), Answers(400, kWrongMechanism));
  EXPECT_THAT(Encrypt(pair, "AEAD", "t", "iv"), Answers(400, kWrongMechanism));
  EXPECT_THAT(Encrypt(key, "RSA-PKCS1", "t"), Answers(400, kWrongMechanism));
  EXPECT_THAT(Encrypt(derived, "RSA-NO-PADDING", "t"), Answers(400, kWrongMechanism));
  EXPECT_THAT(Decrypt(pair, "AEAD", "t", "iv"), Answers(400, kWrongMechanism));
  EXPECT_THAT(Decrypt(pair, "RSA-PKCS1", "t"), Answers(400, kWrongMechanism));
  EXPECT_THAT(Decrypt(key, "RSA-NO-PADDING", "t"), Answers(400, kWrongMechanism));
}

TEST_F(OperationsTest, BadCiphertexts) {
  const std::string key = CreateKey("key");
  EXPECT_THAT(Decrypt(key, "AEAD", "short", "iv"), Answers(400, kBadParameter));
  EXPECT_THAT(Decrypt(key, "AEAD", std::string(30, '\3'), "iv"), Answers(400, kBadParameter));
  EXPECT_THAT(Decrypt(key, "AEAD", std::string(30, '\2'), "iv"), Answers(500, kInternal));
  EXPECT_THAT(Encrypt(key, "AEAD", "t", std::string(129, 'i')), Answers(500, kInternal));
  EXPECT_THAT(Encrypt(CreateKey("short", "0123456789abcdef"), "AEAD", "t", "iv"), Answers(500, kInternal));
}

TEST_F(OperationsTest, AGoneKeyIs400) {
  const std::string key = CreateKey("key");
  ASSERT_TRUE(backend_.DeleteKey(*KeyId::Parse("key")).ok());
  EXPECT_THAT(SignHmac(key, "m"), Answers(400, kBadParameter));
  EXPECT_THAT(SignHmac(Derive(key), "m"), Answers(400, kBadParameter));
}

TEST_F(OperationsTest, DerivationRefusals) {
  const auto derive = [&](const std::string& base) {
    keys::v1::CreateDerivedKeyRequest request;
    request.set_base_key_handle(base);
    return Call(derived_keys_, &DerivedKeys::CreateDerivedKey, request, kStranger);
  };
  const std::string key = CreateKey("key");
  EXPECT_THAT(
      derive(Derive(key)),
      Answers(400, Invalid("handle",
                           "nested derived keys are not supported, import the outer derived key first")));
  EXPECT_THAT(derive(CreatePair("pair")), Answers(400, Invalid("handle", "handle is not for a key")));
  EXPECT_THAT(derive("x"), Answers(400, Invalid("handle", "invalid handle")));
  EXPECT_THAT(Call(derived_keys_, &DerivedKeys::ExportDerivedKey, WithHandle(key), kStranger),
              Answers(400, Invalid("handle", "handle is not for a derived key")));
}

TEST_F(OperationsTest, EveryUseMovesToTheBackendsLane) {
  const std::string key = CreateKey("key");
  const std::string derived = Derive(key);
  const std::string pair = CreatePair("pair");
  backend_.RunOn(Lane::Cpu());
  EXPECT_TRUE(SignHmac(key, "m").ok());
  EXPECT_EQ(moves_, 1);
  EXPECT_TRUE(SignHmac(derived, "m").ok());
  EXPECT_EQ(moves_, 1);
  EXPECT_TRUE(SignEcdsa(pair).ok());
  EXPECT_EQ(moves_, 1);
  EXPECT_TRUE(Encrypt(key, "AEAD", "t", "iv").ok());
  EXPECT_EQ(moves_, 1);
}

TEST_F(OperationsTest, EveryRpcHasAHandler) {
  rpc::Dispatcher dispatcher;
  symmetric_keys_.Register(dispatcher);
  key_pairs_.Register(dispatcher);
  derived_keys_.Register(dispatcher);
  operations_.Register(dispatcher);
  dispatcher.CheckComplete();
  EXPECT_EQ(dispatcher.services().size(), 1u);
}

}  // namespace
}  // namespace aziot::keyd
