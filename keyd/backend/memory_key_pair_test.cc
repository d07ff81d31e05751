#include "keyd/backend/memory_key_pair.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/bytes/secret.h"

namespace aziot::keyd {
namespace {

// As the program does: what OpenSSL takes from the arena must go back to it.
[[maybe_unused]] const bool kProtected = (ProtectSecretMemory(), true);

using openssl::BioPtr;
using openssl::PkeyPtr;

std::string Drain(BIO* bio) {
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio, &text);
  return std::string(text, static_cast<size_t>(size));
}

// PKCS#1 or SEC1, as older OpenSSL commands write them.
std::string TraditionalPem(EVP_PKEY* key, const EVP_CIPHER* cipher = nullptr) {
  const BioPtr out(BIO_new(BIO_s_mem()));
  unsigned char password[] = "secret";
  PEM_write_bio_PrivateKey_traditional(out.get(), key, cipher, cipher == nullptr ? nullptr : password,
                                       cipher == nullptr ? 0 : 6, nullptr, nullptr);
  return Drain(out.get());
}

std::string EncryptedPkcs8(EVP_PKEY* key) {
  const BioPtr out(BIO_new(BIO_s_mem()));
  PEM_write_bio_PKCS8PrivateKey(out.get(), key, EVP_aes_256_cbc(), "secret", 6, nullptr, nullptr);
  return Drain(out.get());
}

std::string Pkcs8(EVP_PKEY* key) {
  const BioPtr out(BIO_new(BIO_s_mem()));
  PEM_write_bio_PKCS8PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  return Drain(out.get());
}

absl::StatusOr<std::unique_ptr<MemoryKeyPair>> Parse(absl::string_view pem) {
  return MemoryKeyPair::ParsePem(ToBytesView(pem));
}

TEST(MemoryKeyPairTest, WritesPkcs8AndReadsItBack) {
  for (const KeyAlgorithm algorithm : {KeyAlgorithm::kEcP256, KeyAlgorithm::kRsa2048}) {
    const auto pair = MemoryKeyPair::Generate(algorithm);
    ASSERT_TRUE(pair.ok()) << pair.status();
    const auto pem = (*pair)->FormatPem();
    ASSERT_TRUE(pem.ok());
    EXPECT_TRUE(absl::StartsWith(pem->ExposeText(), "-----BEGIN PRIVATE KEY-----\n"));
    const auto again = MemoryKeyPair::ParsePem(pem->Expose());
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ((*again)->family(), (*pair)->family());
    EXPECT_EQ((*again)->FormatPem()->ExposeText(), pem->ExposeText());
  }
}

TEST(MemoryKeyPairTest, ReadsTheOlderForms) {
  const PkeyPtr ec(EVP_EC_gen("P-256")), rsa(EVP_RSA_gen(2048));
  const std::string sec1 = TraditionalPem(ec.get()), pkcs1 = TraditionalPem(rsa.get());
  ASSERT_TRUE(absl::StartsWith(sec1, "-----BEGIN EC PRIVATE KEY-----"));
  ASSERT_TRUE(absl::StartsWith(pkcs1, "-----BEGIN RSA PRIVATE KEY-----"));
  ASSERT_TRUE(Parse(sec1).ok()) << Parse(sec1).status();
  EXPECT_EQ((*Parse(sec1))->FormatPem()->ExposeText(), Pkcs8(ec.get()));
  EXPECT_EQ((*Parse(pkcs1))->FormatPem()->ExposeText(), Pkcs8(rsa.get()));
  EXPECT_TRUE(Parse(absl::StrCat("Bag Attributes\n  friendlyName: x\n", sec1)).ok());
}

TEST(MemoryKeyPairTest, EncryptedKeysAreWholeButNotUsable) {
  const PkeyPtr ec(EVP_EC_gen("P-256"));
  for (const std::string& pem : {EncryptedPkcs8(ec.get()), TraditionalPem(ec.get(), EVP_aes_128_cbc())}) {
    const absl::Status status = Parse(pem).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), "encrypted")) << status;
  }
}

TEST(MemoryKeyPairTest, OtherKindsOfPemAreWholeButNotUsable) {
  const PkeyPtr ed25519(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")), ec(EVP_EC_gen("P-256"));
  EXPECT_TRUE(absl::IsFailedPrecondition(Parse(Pkcs8(ed25519.get())).status()));
  const BioPtr out(BIO_new(BIO_s_mem()));
  PEM_write_bio_PUBKEY(out.get(), ec.get());
  EXPECT_TRUE(absl::IsFailedPrecondition(Parse(Drain(out.get())).status()));
}

TEST(MemoryKeyPairTest, EveryCutIsTorn) {
  const PkeyPtr ec(EVP_EC_gen("P-256"));
  const std::string pem = Pkcs8(ec.get());
  // The last newline alone is not missed.
  for (size_t size = 0; size + 1 < pem.size(); ++size) {
    const absl::Status status = Parse(pem.substr(0, size)).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << size << ": " << status;
  }
}

TEST(MemoryKeyPairTest, AnotherCurveSignsButHasNoOid) {
  const PkeyPtr p384(EVP_EC_gen("P-384"));
  const auto pair = Parse(Pkcs8(p384.get()));
  ASSERT_TRUE(pair.ok());
  EXPECT_EQ((*pair)->family(), KeyFamily::kEc);
  EXPECT_TRUE((*pair)->is_slow());
  EXPECT_EQ((*pair)->PublicParameter(PairParameter::kEcPoint)->size(), 49u);
  EXPECT_TRUE(absl::IsInvalidArgument((*pair)->PublicParameter(PairParameter::kEcCurveOid).status()));
  const Bytes digest(60, 3);
  const auto signature = (*pair)->SignDigest(digest);
  ASSERT_TRUE(signature.ok());
  const openssl::PkeyCtxPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, p384.get(), nullptr));
  EVP_PKEY_verify_init(context.get());
  EXPECT_EQ(EVP_PKEY_verify(context.get(), signature->data(), signature->size(), digest.data(), 48), 1);
}

TEST(MemoryKeyPairTest, AnEmptyDigestIsSigned) {
  const auto pair = MemoryKeyPair::Generate(KeyAlgorithm::kEcP256);
  ASSERT_TRUE(pair.ok());
  EXPECT_TRUE((*pair)->SignDigest({}).ok());
  EXPECT_FALSE((*pair)->is_slow());
}

}  // namespace
}  // namespace aziot::keyd
