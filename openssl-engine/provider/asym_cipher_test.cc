// RSA encryption: what others encrypted for a key of keyd is read with it, and nothing tells why a ciphertext
// could not be.
#include <openssl/core_names.h>

#include <tuple>

#include "openssl-engine/base64.h"
#include "openssl-engine/provider/provider_fixture.h"

namespace aziot::openssl_engine {
namespace {

const Bytes kMessage{'s', 'e', 's', 's', 'i', 'o', 'n', 0, 1, 2};

struct Oaep {
  const char* name;
  const char* digest;  // null: the default, SHA-1
  const char* mgf1;    // null: as the digest
  const char* label;   // null: none
};

bool Configure(EVP_PKEY_CTX* ctx, const Oaep& oaep) {
  if (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) <= 0) return false;
  if (oaep.digest != nullptr && EVP_PKEY_CTX_ctrl_str(ctx, "rsa_oaep_md", oaep.digest) <= 0) return false;
  if (oaep.mgf1 != nullptr && EVP_PKEY_CTX_ctrl_str(ctx, "rsa_mgf1_md", oaep.mgf1) <= 0) return false;
  if (oaep.label == nullptr) return true;
  return EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, OPENSSL_strdup(oaep.label),
                                          static_cast<int>(std::string(oaep.label).size())) > 0;
}

class AsymCipherTest : public ProviderFixture, public testing::WithParamInterface<std::tuple<Order, Oaep>> {
 protected:
  AsymCipherTest() : ProviderFixture(std::get<0>(GetParam())) {}

  // Empty on failure.
  Bytes Encrypt(OSSL_LIB_CTX* libctx, EVP_PKEY* key, const Oaep& oaep) const {
    const PkeyCtxPtr ctx(EVP_PKEY_CTX_new_from_pkey(libctx, key, nullptr));
    Bytes out(512);
    size_t length = out.size();
    if (EVP_PKEY_encrypt_init(ctx.get()) <= 0 || !Configure(ctx.get(), oaep) ||
        EVP_PKEY_encrypt(ctx.get(), out.data(), &length, kMessage.data(), kMessage.size()) <= 0) {
      return {};
    }
    out.resize(length);
    return out;
  }
  Bytes Decrypt(EVP_PKEY* key, const Bytes& ciphertext, const Oaep& oaep) const {
    PkeyCtxPtr ctx(EVP_PKEY_CTX_new_from_pkey(libctx(), key, nullptr));
    if (EVP_PKEY_decrypt_init(ctx.get()) <= 0 || !Configure(ctx.get(), oaep)) return {};
    ctx.reset(EVP_PKEY_CTX_dup(ctx.get()));
    if (ctx == nullptr) return {};
    size_t length = 0;
    if (EVP_PKEY_decrypt(ctx.get(), nullptr, &length, ciphertext.data(), ciphertext.size()) <= 0) return {};
    Bytes out(length);
    if (EVP_PKEY_decrypt(ctx.get(), out.data(), &length, ciphertext.data(), ciphertext.size()) <= 0)
      return {};
    out.resize(length);
    return out;
  }
};
INSTANTIATE_TEST_SUITE_P(All, AsymCipherTest,
                         testing::Combine(testing::ValuesIn(kOrders),
                                          testing::Values(Oaep{"Default", nullptr, nullptr, nullptr},
                                                          Oaep{"Sha256", "SHA256", nullptr, nullptr},
                                                          Oaep{"OtherMask", "SHA256", "SHA1", nullptr},
                                                          Oaep{"Label", "SHA2-384", "SHA-512", "for you"})),
                         [](const auto& info) {
                           return std::string(OrderName(std::get<0>(info.param))) + "_" +
                                  std::get<1>(info.param).name;
                         });

TEST_P(AsymCipherTest, ReadsWhatWasEncryptedForIt) {
  const Oaep& oaep = std::get<1>(GetParam());
  const PkeyPtr key = Load(UriOf("rsa"));
  ASSERT_NE(key, nullptr) << Errors();
  const Bytes theirs = Encrypt(nullptr, rsa_.get(), oaep);
  EXPECT_EQ(Decrypt(key.get(), theirs, oaep), kMessage) << Errors();
  EXPECT_NE(keyd_.LastRequest().find("RSA-NO-PADDING"), std::string::npos);
  const Bytes ours = Encrypt(libctx(), key.get(), oaep);
  EXPECT_EQ(Decrypt(key.get(), ours, oaep), kMessage) << Errors();
  const PkeyPtr public_half = Load(UriOf("rsa"), OSSL_STORE_INFO_PUBKEY);
  EXPECT_EQ(Decrypt(key.get(), Encrypt(libctx(), public_half.get(), oaep), oaep), kMessage) << Errors();
}

TEST_P(AsymCipherTest, SoftwareKeysWorkAsEver) {
  const Oaep& oaep = std::get<1>(GetParam());
  const PkeyPtr made(EVP_PKEY_Q_keygen(libctx(), nullptr, "RSA", size_t{2048}));
  ASSERT_NE(made, nullptr) << Errors();
  EXPECT_EQ(Decrypt(made.get(), Encrypt(libctx(), made.get(), oaep), oaep), kMessage) << Errors();
}

class AsymCipherFaultTest : public ProviderFixture {
 protected:
  void SetUp() override {
    ProviderFixture::SetUp();
    key_ = Load(UriOf("rsa"));
    ASSERT_NE(key_, nullptr) << Errors();
    ERR_clear_error();
    ctx_.reset(EVP_PKEY_CTX_new_from_pkey(libctx(), key_.get(), nullptr));
    ASSERT_EQ(EVP_PKEY_decrypt_init(ctx_.get()), 1) << Errors();
  }
  bool Decrypt(const Bytes& input) {
    Bytes out(256);
    size_t length = out.size();
    return EVP_PKEY_decrypt(ctx_.get(), out.data(), &length, input.data(), input.size()) > 0;
  }
  void UseOaep() { ASSERT_EQ(EVP_PKEY_CTX_set_rsa_padding(ctx_.get(), RSA_PKCS1_OAEP_PADDING), 1); }

  PkeyPtr key_;
  PkeyCtxPtr ctx_;
};

TEST_F(AsymCipherFaultTest, Pkcs1IsRefusedBeforeKeydIsAsked) {
  const std::string before = keyd_.LastRequest();
  EXPECT_FALSE(Decrypt(Bytes(256, 1)));
  EXPECT_NE(Errors().find("decrypts OAEP only"), std::string::npos);
  EXPECT_EQ(keyd_.LastRequest(), before);
}

TEST_F(AsymCipherFaultTest, WhateverIsWrongWithTheBlockReadsTheSame) {
  UseOaep();
  std::string first;
  for (const uint8_t value : {1, 2, 0x7f}) {
    EXPECT_FALSE(Decrypt(Bytes(256, value)));
    const std::string errors = Errors();
    EXPECT_NE(errors.find("no OAEP ciphertext"), std::string::npos) << errors;
    // Without the numbers of the thread and the line.
    const std::string text = errors.substr(errors.find("rsa routines"));
    if (first.empty()) first = text;
    EXPECT_EQ(text, first);
  }
}

TEST_F(AsymCipherFaultTest, TooMuchIsRefusedAndARotationNoticed) {
  UseOaep();
  EXPECT_FALSE(Decrypt(Bytes(257, 1)));
  EXPECT_NE(Errors().find("longer than the modulus"), std::string::npos);
  const PkeyPtr next(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", size_t{2048}));
  keyd_.SetKey("rsa", next.get());
  EXPECT_FALSE(Decrypt(Bytes(256, 1)));
  EXPECT_NE(Errors().find("the key was rotated in keyd"), std::string::npos);
}

}  // namespace
}  // namespace aziot::openssl_engine
