#include "keyd/backend/testing/key_backend_contract.h"

#include <gmock/gmock.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>

#include <set>
#include <thread>
#include <vector>

#include "common/bytes/hex.h"
#include "common/bytes/secret.h"
#include "common/openssl/digest.h"
#include "common/openssl/owned.h"

namespace aziot::keyd::testing {
namespace {

// As the program does: what OpenSSL takes from the arena must go back to it.
[[maybe_unused]] const bool kProtected = (ProtectSecretMemory(), true);

constexpr KeyUsage kSign{.sign = true};
constexpr KeyUsage kEncrypt{.encrypt = true};
constexpr KeyAlgorithm kEc[] = {KeyAlgorithm::kEcP256};
constexpr KeyAlgorithm kRsa[] = {KeyAlgorithm::kRsa2048};

Bytes Counting(size_t size) {
  Bytes bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(i);
  return bytes;
}

openssl::PkeyPtr FromParameters(const char* type, OSSL_PARAM* parameters) {
  const openssl::PkeyCtxPtr context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  EVP_PKEY_fromdata_init(context.get());
  EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters);
  return openssl::PkeyPtr(key);
}

openssl::PkeyPtr EcPublicKey(Bytes point) {
  char group[] = "prime256v1";
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()),
      OSSL_PARAM_construct_end()};
  return FromParameters("EC", parameters);
}

bool EcdsaVerifies(EVP_PKEY& key, BytesView digest, BytesView signature) {
  const openssl::PkeyCtxPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, &key, nullptr));
  EVP_PKEY_verify_init(context.get());
  return EVP_PKEY_verify(context.get(), signature.data(), signature.size(), digest.data(), digest.size()) ==
         1;
}

// signature^e mod n, as long as the modulus.
Bytes RsaPublic(BytesView modulus, BytesView exponent, BytesView input) {
  const openssl::BignumPtr n(BN_bin2bn(modulus.data(), static_cast<int>(modulus.size()), nullptr));
  const openssl::BignumPtr e(BN_bin2bn(exponent.data(), static_cast<int>(exponent.size()), nullptr));
  const openssl::BignumPtr s(BN_bin2bn(input.data(), static_cast<int>(input.size()), nullptr));
  BN_CTX* context = BN_CTX_new();
  BN_mod_exp(s.get(), s.get(), e.get(), n.get(), context);
  BN_CTX_free(context);
  Bytes output(modulus.size());
  BN_bn2binpad(s.get(), output.data(), static_cast<int>(output.size()));
  return output;
}

}  // namespace

TEST_P(KeyBackendContract, AnAbsentKeyIsNotFound) {
  EXPECT_TRUE(absl::IsNotFound(backend().LoadKey(id_)));
  EXPECT_TRUE(absl::IsNotFound(backend().LoadKeyPair(id_)));
  EXPECT_TRUE(absl::IsNotFound(backend().Hmac(id_, {}).status()));
  EXPECT_TRUE(absl::IsNotFound(backend().Derive(id_, {}).status()));
  EXPECT_TRUE(absl::IsNotFound(backend().SignDigest(id_, Counting(32)).status()));
  EXPECT_TRUE(absl::IsNotFound(backend().FamilyOf(id_).status()));
  EXPECT_TRUE(absl::IsNotFound(backend().MoveKeyPair(id_, other_)));
}

TEST_P(KeyBackendContract, DeletingWhatIsNotThereIsFine) {
  EXPECT_TRUE(backend().DeleteKey(id_).ok());
  EXPECT_TRUE(backend().DeleteKeyPair(id_).ok());
}

TEST_P(KeyBackendContract, CreatingTwiceKeepsTheKey) {
  ASSERT_TRUE(backend().CreateKey(id_, kSign).ok());
  const auto first = backend().Hmac(id_, ToBytesView("x"));
  ASSERT_TRUE(backend().CreateKey(id_, kSign).ok());
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(*first, *backend().Hmac(id_, ToBytesView("x")));
}

TEST_P(KeyBackendContract, KeysAreDifferent) {
  ASSERT_TRUE(backend().CreateKey(id_, kSign).ok());
  ASSERT_TRUE(backend().CreateKey(other_, kSign).ok());
  EXPECT_NE(*backend().Hmac(id_, {}), *backend().Hmac(other_, {}));
}

TEST_P(KeyBackendContract, ImportReplacesAndComputesHmac) {
  ASSERT_TRUE(backend().CreateKey(id_, kSign).ok());
  ASSERT_TRUE(backend().Hmac(id_, {}).ok());
  ASSERT_TRUE(backend().ImportKey(id_, Counting(32), kSign).ok());
  EXPECT_EQ(*backend().Hmac(id_, ToBytesView("hello")),
            openssl::HmacSha256(Counting(32), ToBytesView("hello")));
  EXPECT_EQ(*backend().Hmac(id_, ToBytesView("hello")),
            openssl::HmacSha256(Counting(32), ToBytesView("hello")));
  EXPECT_EQ(*backend().Hmac(id_, {}), openssl::HmacSha256(Counting(32), {}));
  EXPECT_TRUE(*backend().VerifyHmac(id_, ToBytesView("a"), *backend().Hmac(id_, ToBytesView("a"))));
  EXPECT_FALSE(*backend().VerifyHmac(id_, ToBytesView("b"), *backend().Hmac(id_, ToBytesView("a"))));
  EXPECT_FALSE(*backend().VerifyHmac(id_, ToBytesView("a"), {}));
}

TEST_P(KeyBackendContract, AnEmptyImportIsRefused) {
  EXPECT_TRUE(absl::IsInvalidArgument(backend().ImportKey(id_, {}, kSign)));
  EXPECT_TRUE(absl::IsNotFound(backend().LoadKey(id_)));
}

TEST_P(KeyBackendContract, DerivationGoldenVector) {
  ASSERT_TRUE(backend().ImportKey(id_, Counting(32), kSign).ok());
  const auto derived = backend().Derive(id_, ToBytesView("module:gen:primary"));
  ASSERT_TRUE(derived.ok());
  EXPECT_EQ(FormatHex(derived->Expose()), "7aa0007cc23f8cf320dd2eca68885de4aab4e5ed72042899a9e594a5e35a1bf7");
}

TEST_P(KeyBackendContract, EncryptedTextComesBack) {
  ASSERT_TRUE(backend().CreateKey(id_, kEncrypt).ok());
  for (const size_t iv_size : {1u, 12u, 32u, 128u}) {
    for (const size_t text_size : {0u, 1u, 16u, 1000u}) {
      const Bytes iv(iv_size, 7);
      const AeadParameters parameters{.iv = iv, .aad = ToBytesView("$edgeAgent1")};
      const auto blob = backend().Encrypt(id_, parameters, Counting(text_size));
      ASSERT_TRUE(blob.ok()) << blob.status();
      EXPECT_EQ(blob->size(), text_size + 17);
      EXPECT_EQ((*blob)[0], 2);
      const auto text = backend().Decrypt(id_, parameters, *blob);
      ASSERT_TRUE(text.ok()) << text.status();
      EXPECT_EQ(*text, Counting(text_size));
    }
  }
}

TEST_P(KeyBackendContract, ChangedCiphertextAadOrIvIsRefused) {
  ASSERT_TRUE(backend().CreateKey(id_, kEncrypt).ok());
  const Bytes iv(12, 1), other_iv(12, 2);
  const AeadParameters parameters{.iv = iv, .aad = ToBytesView("aad")};
  const Bytes blob = *backend().Encrypt(id_, parameters, ToBytesView("text"));
  for (size_t i = 1; i < blob.size(); ++i) {
    Bytes changed = blob;
    changed[i] ^= 0x10;
    EXPECT_TRUE(absl::IsInternal(backend().Decrypt(id_, parameters, changed).status())) << i;
  }
  EXPECT_FALSE(backend().Decrypt(id_, {.iv = iv, .aad = ToBytesView("AAD")}, blob).ok());
  EXPECT_FALSE(backend().Decrypt(id_, {.iv = other_iv, .aad = ToBytesView("aad")}, blob).ok());
  EXPECT_TRUE(
      absl::IsInvalidArgument(backend().Decrypt(id_, parameters, BytesView(blob).first(16)).status()));
  Bytes unknown_version = blob;
  unknown_version[0] = 3;
  EXPECT_TRUE(absl::IsInvalidArgument(backend().Decrypt(id_, parameters, unknown_version).status()));
}

TEST_P(KeyBackendContract, IvOfAnImpossibleLengthIsTrouble) {
  ASSERT_TRUE(backend().CreateKey(id_, kEncrypt).ok());
  const Bytes long_iv(129, 1);
  EXPECT_TRUE(absl::IsInternal(backend().Encrypt(id_, {}, {}).status()));
  EXPECT_TRUE(absl::IsInternal(backend().Encrypt(id_, {.iv = long_iv}, {}).status()));
}

TEST_P(KeyBackendContract, EcPairSignsWhatItsPublicHalfVerifies) {
  ASSERT_TRUE(backend().CreateKeyPair(id_, kEc).ok());
  EXPECT_EQ(*backend().FamilyOf(id_), KeyFamily::kEc);
  EXPECT_EQ(FormatHex(*backend().PublicParameter(id_, PairParameter::kEcCurveOid)), "06082a8648ce3d030107");
  const Bytes point = *backend().PublicParameter(id_, PairParameter::kEcPoint);
  ASSERT_EQ(point.size(), 33u);
  EXPECT_THAT(point[0], ::testing::AnyOf(2, 3));
  const openssl::PkeyPtr key = EcPublicKey(point);
  ASSERT_NE(key, nullptr);
  for (const size_t size : {20u, 32u}) {
    const auto signature = backend().SignDigest(id_, Counting(size));
    ASSERT_TRUE(signature.ok()) << signature.status();
    EXPECT_TRUE(EcdsaVerifies(*key, Counting(size), *signature));
  }
}

TEST_P(KeyBackendContract, ALongDigestIsCutToTheOrder) {
  ASSERT_TRUE(backend().CreateKeyPair(id_, kEc).ok());
  const openssl::PkeyPtr key = EcPublicKey(*backend().PublicParameter(id_, PairParameter::kEcPoint));
  const auto signature = backend().SignDigest(id_, Counting(64));
  ASSERT_TRUE(signature.ok());
  EXPECT_TRUE(EcdsaVerifies(*key, Counting(32), *signature));
}

TEST_P(KeyBackendContract, RsaPairDoesThePrivateOperation) {
  ASSERT_TRUE(backend().CreateKeyPair(id_, kRsa).ok());
  EXPECT_EQ(*backend().FamilyOf(id_), KeyFamily::kRsa);
  const Bytes modulus = *backend().PublicParameter(id_, PairParameter::kRsaModulus);
  const Bytes exponent = *backend().PublicParameter(id_, PairParameter::kRsaExponent);
  ASSERT_EQ(modulus.size(), 256u);
  EXPECT_EQ(exponent, (Bytes{1, 0, 1}));

  const auto padded = backend().RsaPrivate(id_, RsaPadding::kPkcs1, Counting(36));
  ASSERT_TRUE(padded.ok()) << padded.status();
  Bytes expected = {0, 1};
  expected.resize(256 - 36 - 1, 0xff);
  expected.push_back(0);
  for (const uint8_t byte : Counting(36)) expected.push_back(byte);
  EXPECT_EQ(RsaPublic(modulus, exponent, *padded), expected);

  const Bytes input = Counting(256);
  const auto raw = backend().RsaPrivate(id_, RsaPadding::kNone, input);
  ASSERT_TRUE(raw.ok()) << raw.status();
  EXPECT_EQ(RsaPublic(modulus, exponent, *raw), input);

  EXPECT_TRUE(absl::IsInternal(backend().RsaPrivate(id_, RsaPadding::kPkcs1, Counting(246)).status()));
  EXPECT_TRUE(absl::IsInternal(backend().RsaPrivate(id_, RsaPadding::kNone, Counting(255)).status()));
  EXPECT_TRUE(absl::IsInternal(backend().RsaPrivate(id_, RsaPadding::kNone, Bytes(256, 0xff)).status()));
}

TEST_P(KeyBackendContract, TheOtherFamilysOperationsAreRefused) {
  ASSERT_TRUE(backend().CreateKeyPair(id_, kEc).ok());
  ASSERT_TRUE(backend().CreateKeyPair(other_, kRsa).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(backend().RsaPrivate(id_, RsaPadding::kPkcs1, Counting(32)).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(backend().SignDigest(other_, Counting(32)).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(backend().PublicParameter(id_, PairParameter::kRsaModulus).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(backend().PublicParameter(other_, PairParameter::kEcPoint).status()));
}

TEST_P(KeyBackendContract, AnExistingPairIsKeptWhateverIsPreferred) {
  ASSERT_TRUE(backend().CreateKeyPair(id_, kEc).ok());
  const Bytes point = *backend().PublicParameter(id_, PairParameter::kEcPoint);
  ASSERT_TRUE(backend().CreateKeyPair(id_, kRsa).ok());
  EXPECT_EQ(*backend().PublicParameter(id_, PairParameter::kEcPoint), point);
}

TEST_P(KeyBackendContract, ADeletedKeyIsGone) {
  ASSERT_TRUE(backend().CreateKey(id_, kSign).ok());
  ASSERT_TRUE(backend().Hmac(id_, {}).ok());
  ASSERT_TRUE(backend().DeleteKey(id_).ok());
  EXPECT_TRUE(absl::IsNotFound(backend().Hmac(id_, {}).status()));
  ASSERT_TRUE(backend().CreateKeyPair(other_, kEc).ok());
  ASSERT_TRUE(backend().SignDigest(other_, Counting(32)).ok());
  ASSERT_TRUE(backend().DeleteKeyPair(other_).ok());
  EXPECT_TRUE(absl::IsNotFound(backend().SignDigest(other_, Counting(32)).status()));
}

TEST_P(KeyBackendContract, AMovedPairReplacesTheOneThere) {
  ASSERT_TRUE(backend().CreateKeyPair(id_, kEc).ok());
  ASSERT_TRUE(backend().CreateKeyPair(other_, kEc).ok());
  const Bytes moved = *backend().PublicParameter(other_, PairParameter::kEcPoint);
  ASSERT_NE(moved, *backend().PublicParameter(id_, PairParameter::kEcPoint));
  ASSERT_TRUE(backend().MoveKeyPair(other_, id_).ok());
  EXPECT_EQ(*backend().PublicParameter(id_, PairParameter::kEcPoint), moved);
  EXPECT_TRUE(absl::IsNotFound(backend().LoadKeyPair(other_)));
}

TEST_P(KeyBackendContract, AMoveNeitherTakesNorReplacesASymmetricKey) {
  ASSERT_TRUE(backend().CreateKey(id_, {.sign = true}).ok());
  const auto mac = backend().Hmac(id_, {});
  EXPECT_TRUE(absl::IsInvalidArgument(backend().MoveKeyPair(id_, other_)));
  ASSERT_TRUE(backend().CreateKeyPair(other_, kEc).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(backend().MoveKeyPair(other_, id_)));
  EXPECT_TRUE(backend().LoadKeyPair(other_).ok());
  EXPECT_EQ(*backend().Hmac(id_, {}), *mac);
}

TEST_P(KeyBackendContract, AMoveWithoutSourceLeavesTheTarget) {
  ASSERT_TRUE(backend().CreateKeyPair(id_, kEc).ok());
  const Bytes point = *backend().PublicParameter(id_, PairParameter::kEcPoint);
  EXPECT_TRUE(absl::IsNotFound(backend().MoveKeyPair(other_, id_)));
  EXPECT_EQ(*backend().PublicParameter(id_, PairParameter::kEcPoint), point);
}

TEST_P(KeyBackendContract, SimultaneousCreationMakesOneKey) {
  std::vector<std::thread> threads;
  std::vector<Bytes> points(8);
  std::vector<Mac> macs(8);
  for (size_t i = 0; i < points.size(); ++i) {
    threads.emplace_back([&, i] {
      EXPECT_TRUE(backend().CreateKeyPair(id_, kEc).ok());
      EXPECT_TRUE(backend().CreateKey(other_, kSign).ok());
      points[i] = *backend().PublicParameter(id_, PairParameter::kEcPoint);
      macs[i] = *backend().Hmac(other_, {});
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(std::set<Bytes>(points.begin(), points.end()).size(), 1u);
  EXPECT_EQ(std::set<Mac>(macs.begin(), macs.end()).size(), 1u);
}

TEST_P(KeyBackendContract, OneKeyServesManyThreads) {
  ASSERT_TRUE(backend().ImportKey(other_, Counting(32), kSign).ok());
  ASSERT_TRUE(backend().CreateKeyPair(id_, kEc).ok());
  const openssl::PkeyPtr key = EcPublicKey(*backend().PublicParameter(id_, PairParameter::kEcPoint));
  std::vector<std::thread> threads;
  for (uint8_t i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 50; ++round) {
        const Bytes message(32, i);
        EXPECT_EQ(*backend().Hmac(other_, message), openssl::HmacSha256(Counting(32), message));
        EXPECT_TRUE(EcdsaVerifies(*key, message, *backend().SignDigest(id_, message)));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace aziot::keyd::testing
