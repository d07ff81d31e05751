#include "keyd/backend/testing/key_backend_contract.h"

#include <gmock/gmock.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>

#include <algorithm>
#include <set>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
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
  EXPECT_TRUE(IsAbsent(backend().LoadKey(id_)));
  EXPECT_TRUE(IsAbsent(backend().LoadKeyPair(id_)));
  EXPECT_TRUE(IsAbsent(backend().Hmac(id_, {}).status()));
  EXPECT_TRUE(IsAbsent(backend().Derive(id_, {}).status()));
  EXPECT_TRUE(IsAbsent(backend().SignDigest(id_, Counting(32)).status()));
  EXPECT_TRUE(IsAbsent(backend().FamilyOf(id_).status()));
  if (Can().moves) {
    EXPECT_TRUE(IsAbsent(backend().MoveKeyPair(id_, other_)));
  }
}

TEST_P(KeyBackendContract, DeletingWhatIsNotThereIsFine) {
  EXPECT_TRUE(backend().DeleteKey(id_).ok());
  EXPECT_TRUE(backend().DeleteKeyPair(id_).ok());
}

TEST_P(KeyBackendContract, CreatingTwiceKeepsTheKey) {
  if (!Can().hmac) {
    EXPECT_TRUE(absl::IsUnimplemented(backend().CreateKey(id_, kSign)));
    return;
  }
  ASSERT_TRUE(backend().CreateKey(id_, kSign).ok());
  const auto first = backend().Hmac(id_, ToBytesView("x"));
  ASSERT_TRUE(backend().CreateKey(id_, kSign).ok());
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(*first, *backend().Hmac(id_, ToBytesView("x")));
}

TEST_P(KeyBackendContract, KeysAreDifferent) {
  if (!Can().hmac) {
    EXPECT_TRUE(absl::IsUnimplemented(backend().CreateKey(id_, kSign)));
    return;
  }
  ASSERT_TRUE(backend().CreateKey(id_, kSign).ok());
  ASSERT_TRUE(backend().CreateKey(other_, kSign).ok());
  EXPECT_NE(*backend().Hmac(id_, {}), *backend().Hmac(other_, {}));
}

TEST_P(KeyBackendContract, ImportReplacesAndComputesHmac) {
  if (!Can().imports) {
    EXPECT_TRUE(absl::IsUnimplemented(backend().ImportKey(id_, Counting(32), kSign)));
    return;
  }
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
  EXPECT_TRUE(IsAbsent(backend().LoadKey(id_)));
}

TEST_P(KeyBackendContract, DerivationGoldenVector) {
  if (!Can().imports) {
    EXPECT_TRUE(absl::IsUnimplemented(backend().ImportKey(id_, Counting(32), kSign)));
    return;
  }
  ASSERT_TRUE(backend().ImportKey(id_, Counting(32), kSign).ok());
  const auto derived = backend().Derive(id_, ToBytesView("module:gen:primary"));
  ASSERT_TRUE(derived.ok());
  EXPECT_EQ(FormatHex(derived->Expose()), "7aa0007cc23f8cf320dd2eca68885de4aab4e5ed72042899a9e594a5e35a1bf7");
}

TEST_P(KeyBackendContract, EncryptedTextComesBack) {
  if (!Can().aead) {
    EXPECT_TRUE(absl::IsUnimplemented(backend().CreateKey(id_, kEncrypt)));
    return;
  }
  ASSERT_TRUE(backend().CreateKey(id_, kEncrypt).ok());
  for (const size_t iv_size : {1u, 12u, 32u, 128u}) {
    const auto& sizes = Can().iv_sizes;
    if (std::find(sizes.begin(), sizes.end(), iv_size) == sizes.end()) {
      const Bytes iv(iv_size, 7);
      EXPECT_TRUE(absl::IsUnimplemented(backend().Encrypt(id_, {.iv = iv}, Counting(4)).status())) << iv_size;
      continue;
    }
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
  if (!Can().aead) {
    EXPECT_TRUE(absl::IsUnimplemented(backend().CreateKey(id_, kEncrypt)));
    return;
  }
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
  if (!Can().aead) {
    EXPECT_TRUE(absl::IsUnimplemented(backend().CreateKey(id_, kEncrypt)));
    return;
  }
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
  for (const size_t size : {1u, 20u, 31u, 32u}) {
    const auto signature = backend().SignDigest(id_, Counting(size));
    ASSERT_TRUE(signature.ok()) << signature.status();
    EXPECT_TRUE(EcdsaVerifies(*key, Counting(size), *signature));
  }
}

TEST_P(KeyBackendContract, ALongDigestIsCutToTheOrder) {
  ASSERT_TRUE(backend().CreateKeyPair(id_, kEc).ok());
  const openssl::PkeyPtr key = EcPublicKey(*backend().PublicParameter(id_, PairParameter::kEcPoint));
  for (const size_t size : {33u, 48u, 64u, 200u}) {
    const auto signature = backend().SignDigest(id_, Counting(size));
    ASSERT_TRUE(signature.ok()) << signature.status();
    EXPECT_TRUE(EcdsaVerifies(*key, Counting(32), *signature)) << size;
  }
}

TEST_P(KeyBackendContract, RsaPairDoesThePrivateOperation) {
  if (!Can().rsa) {
    EXPECT_TRUE(absl::IsUnimplemented(backend().CreateKeyPair(id_, kRsa)));
    EXPECT_TRUE(IsAbsent(backend().LoadKeyPair(id_)));
    const KeyAlgorithm either[] = {KeyAlgorithm::kRsa2048, KeyAlgorithm::kEcP256};
    ASSERT_TRUE(backend().CreateKeyPair(id_, either).ok());
    EXPECT_EQ(*backend().FamilyOf(id_), KeyFamily::kEc);
    return;
  }
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
  EXPECT_TRUE(absl::IsInternal(backend().RsaPrivate(id_, RsaPadding::kPkcs1, Counting(246)).status()));
  const auto raw = backend().RsaPrivate(id_, RsaPadding::kNone, input);
  if (!Can().rsa_raw) {
    EXPECT_TRUE(absl::IsUnimplemented(raw.status())) << raw.status();
    return;
  }
  ASSERT_TRUE(raw.ok()) << raw.status();
  EXPECT_EQ(RsaPublic(modulus, exponent, *raw), input);
  EXPECT_TRUE(absl::IsInternal(backend().RsaPrivate(id_, RsaPadding::kNone, Counting(255)).status()));
  EXPECT_TRUE(absl::IsInternal(backend().RsaPrivate(id_, RsaPadding::kNone, Bytes(256, 0xff)).status()));
}

TEST_P(KeyBackendContract, TheOtherFamilysOperationsAreRefused) {
  if (!Can().rsa) {
    EXPECT_TRUE(absl::IsUnimplemented(backend().CreateKeyPair(id_, kRsa)));
    return;
  }
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
  if (!Can().moves) {
    ASSERT_TRUE(backend().CreateKeyPair(other_, kEc).ok());
    EXPECT_TRUE(backend().DeleteKeyPair(other_).ok());
    EXPECT_TRUE(backend().LoadKeyPair(other_).ok());
    return;
  }
  if (Can().hmac) {
    ASSERT_TRUE(backend().CreateKey(id_, kSign).ok());
    ASSERT_TRUE(backend().Hmac(id_, {}).ok());
    ASSERT_TRUE(backend().DeleteKey(id_).ok());
    EXPECT_TRUE(IsAbsent(backend().Hmac(id_, {}).status()));
  }
  ASSERT_TRUE(backend().CreateKeyPair(other_, kEc).ok());
  ASSERT_TRUE(backend().SignDigest(other_, Counting(32)).ok());
  ASSERT_TRUE(backend().DeleteKeyPair(other_).ok());
  EXPECT_TRUE(IsAbsent(backend().SignDigest(other_, Counting(32)).status()));
}

TEST_P(KeyBackendContract, AMovedPairReplacesTheOneThere) {
  ASSERT_TRUE(backend().CreateKeyPair(id_, kEc).ok());
  ASSERT_TRUE(backend().CreateKeyPair(other_, kEc).ok());
  if (!Can().moves) {
    const Bytes point = *backend().PublicParameter(id_, PairParameter::kEcPoint);
    EXPECT_TRUE(backend().MoveKeyPair(other_, id_).ok());
    EXPECT_EQ(*backend().PublicParameter(id_, PairParameter::kEcPoint), point);
    EXPECT_TRUE(backend().LoadKeyPair(other_).ok());
    return;
  }
  const Bytes moved = *backend().PublicParameter(other_, PairParameter::kEcPoint);
  ASSERT_NE(moved, *backend().PublicParameter(id_, PairParameter::kEcPoint));
  ASSERT_TRUE(backend().MoveKeyPair(other_, id_).ok());
  EXPECT_EQ(*backend().PublicParameter(id_, PairParameter::kEcPoint), moved);
  EXPECT_TRUE(IsAbsent(backend().LoadKeyPair(other_)));
}

TEST_P(KeyBackendContract, AMoveNeitherTakesNorReplacesASymmetricKey) {
  if (!Can().hmac) {
    EXPECT_TRUE(absl::IsUnimplemented(backend().CreateKey(id_, kSign)));
    return;
  }
  if (!Can().moves) {
    GTEST_SKIP() << "a move that does nothing refuses nothing";
  }
  ASSERT_TRUE(backend().CreateKey(id_, {.sign = true}).ok());
  const auto mac = backend().Hmac(id_, {});
  EXPECT_TRUE(absl::IsInvalidArgument(backend().MoveKeyPair(id_, other_)));
  ASSERT_TRUE(backend().CreateKeyPair(other_, kEc).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(backend().MoveKeyPair(other_, id_)));
  EXPECT_TRUE(backend().LoadKeyPair(other_).ok());
  EXPECT_EQ(*backend().Hmac(id_, {}), *mac);
}

TEST_P(KeyBackendContract, AMoveWithoutSourceLeavesTheTarget) {
  if (!Can().moves) {
    GTEST_SKIP() << "a move that does nothing refuses nothing";
  }
  ASSERT_TRUE(backend().CreateKeyPair(id_, kEc).ok());
  const Bytes point = *backend().PublicParameter(id_, PairParameter::kEcPoint);
  EXPECT_TRUE(IsAbsent(backend().MoveKeyPair(other_, id_)));
  EXPECT_EQ(*backend().PublicParameter(id_, PairParameter::kEcPoint), point);
}

TEST_P(KeyBackendContract, SimultaneousCreationMakesOneKey) {
  std::vector<std::thread> threads;
  std::vector<Bytes> points(8);
  std::vector<Mac> macs(8);
  for (size_t i = 0; i < points.size(); ++i) {
    threads.emplace_back([&, i] {
      EXPECT_TRUE(backend().CreateKeyPair(id_, kEc).ok());
      points[i] = *backend().PublicParameter(id_, PairParameter::kEcPoint);
      if (!Can().hmac) return;
      EXPECT_TRUE(backend().CreateKey(other_, kSign).ok());
      macs[i] = *backend().Hmac(other_, {});
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(std::set<Bytes>(points.begin(), points.end()).size(), 1u);
  EXPECT_EQ(std::set<Mac>(macs.begin(), macs.end()).size(), 1u);
}

TEST_P(KeyBackendContract, OneKeyServesManyThreads) {
  if (Can().imports) {
    ASSERT_TRUE(backend().ImportKey(other_, Counting(32), kSign).ok());
  }
  ASSERT_TRUE(backend().CreateKeyPair(id_, kEc).ok());
  const openssl::PkeyPtr key = EcPublicKey(*backend().PublicParameter(id_, PairParameter::kEcPoint));
  std::vector<std::thread> threads;
  for (uint8_t i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 50; ++round) {
        const Bytes message(32, i);
        if (Can().imports) {
          EXPECT_EQ(*backend().Hmac(other_, message), openssl::HmacSha256(Counting(32), message));
        }
        EXPECT_TRUE(EcdsaVerifies(*key, message, *backend().SignDigest(id_, message)));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_P(KeyBackendContract, AnHmacKeyOfAnyLengthIsRightOrRefused) {
  if (!Can().imports) {
    EXPECT_TRUE(absl::IsUnimplemented(backend().ImportKey(id_, Counting(1), kSign)));
    return;
  }
  for (const size_t size : {1u, 16u, 31u, 64u, 65u, 200u}) {
    ASSERT_TRUE(backend().ImportKey(id_, Counting(32), kSign).ok());
    const absl::Status imported = backend().ImportKey(id_, Counting(size), kSign);
    EXPECT_TRUE(imported.ok() || absl::IsUnimplemented(imported)) << size << ": " << imported;
    // Refused, the key that was there still is.
    EXPECT_EQ(*backend().Hmac(id_, ToBytesView("m")),
              openssl::HmacSha256(Counting(imported.ok() ? size : 32), ToBytesView("m")))
        << size;
  }
}

TEST_P(KeyBackendContract, AnImportedKeyEncryptsAsEverywhere) {
  if (!Can().imports || !Can().aead) {
    EXPECT_TRUE(absl::IsUnimplemented(backend().ImportKey(id_, Counting(32), kEncrypt)));
    return;
  }
  ASSERT_TRUE(backend().ImportKey(id_, Counting(32), kEncrypt).ok());
  const auto blob = backend().Encrypt(
      id_, {.iv = ToBytesView("0123456789abcdef0123456789abcdef"), .aad = ToBytesView("$edgeAgent1")},
      ToBytesView("someplaintext"));
  ASSERT_TRUE(blob.ok()) << blob.status();
  EXPECT_EQ(FormatHex(*blob), "02e98f6e5cfec7d3616e90ca44a013515dbd784a42ea8838a68e8312d820");
}

namespace {

enum class Held { kNothing, kSignKey, kEncryptKey, kEcPair, kRsaPair };
constexpr const char* kHeldNames[] = {"nothing", "a key to sign", "a key to encrypt", "an EC pair",
                                      "an RSA pair"};

// How an operation must answer.
enum class Answer {
  kOk,
  kAbsent,
  kInvalid,    // kInvalidArgument
  kOtherKind,  // the id holds the other kind: kNotFound, kInvalidArgument, or trouble with what was read
  kUsage,      // right where keys are not bound to a usage, kInvalidArgument where they are
};

struct Step {
  const char* name;
  absl::Status (*run)(KeyBackend&, const KeyId& id, const KeyId& other);
  Answer nothing, sign_key, encrypt_key, ec_pair, rsa_pair;
};

const Bytes kIv(12, 3);
constexpr Answer kOk = Answer::kOk;
constexpr Answer kAbsent = Answer::kAbsent;
constexpr Answer kInvalid = Answer::kInvalid;
constexpr Answer kOtherKind = Answer::kOtherKind;
constexpr Answer kUsage = Answer::kUsage;

const Step kSteps[] = {
    {"LoadKey", [](KeyBackend& b, const KeyId& id, const KeyId&) { return b.LoadKey(id); }, kAbsent, kOk, kOk,
     kOtherKind, kOtherKind},
    {"CreateKey", [](KeyBackend& b, const KeyId& id, const KeyId&) { return b.CreateKey(id, kSign); }, kOk,
     kOk, kUsage, kInvalid, kInvalid},
    {"ImportKey",
     [](KeyBackend& b, const KeyId& id, const KeyId&) { return b.ImportKey(id, Counting(32), kSign); }, kOk,
     kOk, kOk, kInvalid, kInvalid},
    {"ImportKey of nothing",
     [](KeyBackend& b, const KeyId& id, const KeyId&) { return b.ImportKey(id, {}, kSign); }, kInvalid,
     kInvalid, kInvalid, kInvalid, kInvalid},
    {"Hmac", [](KeyBackend& b, const KeyId& id, const KeyId&) { return b.Hmac(id, kIv).status(); }, kAbsent,
     kOk, kUsage, kOtherKind, kOtherKind},
    {"VerifyHmac",
     [](KeyBackend& b, const KeyId& id, const KeyId&) { return b.VerifyHmac(id, kIv, Mac{}).status(); },
     kAbsent, kOk, kUsage, kOtherKind, kOtherKind},
    {"Derive", [](KeyBackend& b, const KeyId& id, const KeyId&) { return b.Derive(id, kIv).status(); },
     kAbsent, kOk, kUsage, kOtherKind, kOtherKind},
    {"Encrypt",
     [](KeyBackend& b, const KeyId& id, const KeyId&) { return b.Encrypt(id, {.iv = kIv}, kIv).status(); },
     kAbsent, kUsage, kOk, kOtherKind, kOtherKind},
    {"Decrypt of what is too short",
     [](KeyBackend& b, const KeyId& id, const KeyId&) {
       return b.Decrypt(id, {.iv = kIv}, Bytes(16, 2)).status();
     },
     kAbsent, kInvalid, kInvalid, kOtherKind, kOtherKind},
    {"CreateKeyPair", [](KeyBackend& b, const KeyId& id, const KeyId&) { return b.CreateKeyPair(id, kEc); },
     kOk, kInvalid, kInvalid, kOk, kOk},
    {"CreateKeyPair of nothing",
     [](KeyBackend& b, const KeyId& id, const KeyId&) { return b.CreateKeyPair(id, {}); }, kInvalid, kInvalid,
     kInvalid, kInvalid, kInvalid},
    {"LoadKeyPair", [](KeyBackend& b, const KeyId& id, const KeyId&) { return b.LoadKeyPair(id); }, kAbsent,
     kOtherKind, kOtherKind, kOk, kOk},
    {"FamilyOf", [](KeyBackend& b, const KeyId& id, const KeyId&) { return b.FamilyOf(id).status(); },
     kAbsent, kOtherKind, kOtherKind, kOk, kOk},
    {"PublicParameter, curve",
     [](KeyBackend& b, const KeyId& id, const KeyId&) {
       return b.PublicParameter(id, PairParameter::kEcCurveOid).status();
     },
     kAbsent, kOtherKind, kOtherKind, kOk, kInvalid},
    {"PublicParameter, point",
     [](KeyBackend& b, const KeyId& id, const KeyId&) {
       return b.PublicParameter(id, PairParameter::kEcPoint).status();
     },
     kAbsent, kOtherKind, kOtherKind, kOk, kInvalid},
    {"PublicParameter, modulus",
     [](KeyBackend& b, const KeyId& id, const KeyId&) {
       return b.PublicParameter(id, PairParameter::kRsaModulus).status();
     },
     kAbsent, kOtherKind, kOtherKind, kInvalid, kOk},
    {"PublicParameter, exponent",
     [](KeyBackend& b, const KeyId& id, const KeyId&) {
       return b.PublicParameter(id, PairParameter::kRsaExponent).status();
     },
     kAbsent, kOtherKind, kOtherKind, kInvalid, kOk},
    {"SignDigest",
     [](KeyBackend& b, const KeyId& id, const KeyId&) { return b.SignDigest(id, Counting(32)).status(); },
     kAbsent, kOtherKind, kOtherKind, kOk, kInvalid},
    {"RsaPrivate, padded",
     [](KeyBackend& b, const KeyId& id, const KeyId&) {
       return b.RsaPrivate(id, RsaPadding::kPkcs1, Counting(32)).status();
     },
     kAbsent, kOtherKind, kOtherKind, kInvalid, kOk},
    {"MoveKeyPair to itself",
     [](KeyBackend& b, const KeyId& id, const KeyId&) { return b.MoveKeyPair(id, id); }, kInvalid, kInvalid,
     kInvalid, kInvalid, kInvalid},
    {"MoveKeyPair",
     [](KeyBackend& b, const KeyId& id, const KeyId& other) { return b.MoveKeyPair(id, other); }, kAbsent,
     kInvalid, kInvalid, kOk, kOk},
    {"DeleteKey", [](KeyBackend& b, const KeyId& id, const KeyId&) { return b.DeleteKey(id); }, kOk, kOk, kOk,
     kOk, kOk},
    {"DeleteKeyPair", [](KeyBackend& b, const KeyId& id, const KeyId&) { return b.DeleteKeyPair(id); }, kOk,
     kOk, kOk, kOk, kOk},
};

Answer AnswerOf(const Step& step, Held held) {
  const Answer answers[] = {step.nothing, step.sign_key, step.encrypt_key, step.ec_pair, step.rsa_pair};
  return answers[static_cast<size_t>(held)];
}

absl::Status Put(KeyBackend& backend, const KeyId& id, Held held) {
  switch (held) {
    case Held::kNothing:
      return absl::OkStatus();
    case Held::kSignKey:
      return backend.CreateKey(id, kSign);
    case Held::kEncryptKey:
      return backend.CreateKey(id, kEncrypt);
    case Held::kEcPair:
      return backend.CreateKeyPair(id, kEc);
    case Held::kRsaPair:
      return backend.CreateKeyPair(id, kRsa);
  }
  return absl::InternalError("no such kind");
}

bool CanHold(const Capabilities& can, Held held) {
  return !((held == Held::kSignKey && !can.hmac) || (held == Held::kEncryptKey && !can.aead) ||
           (held == Held::kRsaPair && !can.rsa));
}

bool IsPair(Held held) { return held == Held::kEcPair || held == Held::kRsaPair; }

void ExpectAnswer(const absl::Status& status, Answer answer, const Capabilities& can,
                  const std::string& what) {
  switch (answer) {
    case kOk:
      EXPECT_TRUE(status.ok()) << what;
      break;
    case kAbsent:
      EXPECT_TRUE(can.tells_absence ? absl::IsNotFound(status) : absl::IsInvalidArgument(status)) << what;
      break;
    case kInvalid:
      EXPECT_TRUE(absl::IsInvalidArgument(status)) << what;
      break;
    case kOtherKind:
      EXPECT_TRUE(absl::IsNotFound(status) || absl::IsInvalidArgument(status) || absl::IsInternal(status))
          << what;
      break;
    case kUsage:
      EXPECT_TRUE(can.keeps_to_usage ? absl::IsInvalidArgument(status) : status.ok()) << what;
      break;
  }
}

// Every operation on one kind of key: done, or refused with the code that the interface names.
void TryEveryOperation(KeyBackend& backend, const Capabilities& can, Held held) {
  // One key serves all steps that leave it; those that change it have their own.
  const KeyId shared = *KeyId::Parse("shared");
  const KeyId other = *KeyId::Parse("other");
  const absl::Status put = Put(backend, shared, held);
  if (!CanHold(can, held)) {
    EXPECT_TRUE(absl::IsUnimplemented(put)) << kHeldNames[static_cast<size_t>(held)] << ": " << put;
    return;
  }
  ASSERT_TRUE(put.ok()) << put;
  int count = 0;
  for (const Step& step : kSteps) {
    const absl::string_view name = step.name;
    const bool moves = name == "MoveKeyPair";
    const bool deletes = name == "DeleteKeyPair" || name == "DeleteKey";
    if ((moves || deletes) && !can.moves) continue;
    const bool changes =
        deletes || moves || name == "CreateKey" || name == "ImportKey" || name == "CreateKeyPair";
    KeyId id = shared;
    // A pair is used up by two of them alone, and may take long to make.
    if (IsPair(held) ? moves || name == "DeleteKeyPair" : changes) {
      id = *KeyId::Parse("own-" + std::to_string(count++));
      ASSERT_TRUE(Put(backend, id, held).ok());
    }
    const absl::Status status = step.run(backend, id, other);
    const std::string what =
        absl::StrCat(name, " on ", kHeldNames[static_cast<size_t>(held)], " answered ", status.ToString());
    const Answer answer = AnswerOf(step, held);
    const bool beyond_it = (name == "CreateKey" && !can.hmac) || (name == "ImportKey" && !can.imports);
    if (beyond_it && answer != kInvalid) {
      EXPECT_TRUE(absl::IsUnimplemented(status)) << what;
      continue;
    }
    ExpectAnswer(status, answer, can, what);
    // A refusal, and a deletion of the other kind, leave what was there.
    const bool gone = moves || name == (IsPair(held) ? "DeleteKeyPair" : "DeleteKey");
    if (held != Held::kNothing && !gone) {
      EXPECT_TRUE((IsPair(held) ? backend.LoadKeyPair(id) : backend.LoadKey(id)).ok()) << "after " << what;
    }
  }
}

}  // namespace

TEST_P(KeyBackendContract, EveryOperationOnNothing) { TryEveryOperation(backend(), Can(), Held::kNothing); }
TEST_P(KeyBackendContract, EveryOperationOnASignKey) { TryEveryOperation(backend(), Can(), Held::kSignKey); }
TEST_P(KeyBackendContract, EveryOperationOnAnEncryptKey) {
  TryEveryOperation(backend(), Can(), Held::kEncryptKey);
}
TEST_P(KeyBackendContract, EveryOperationOnAnEcPair) { TryEveryOperation(backend(), Can(), Held::kEcPair); }
TEST_P(KeyBackendContract, EveryOperationOnAnRsaPair) { TryEveryOperation(backend(), Can(), Held::kRsaPair); }

TEST_P(KeyBackendContract, BothUsagesAtOnce) {
  const KeyUsage both{.sign = true, .encrypt = true};
  if (Can().keeps_to_usage) {
    EXPECT_TRUE(absl::IsInvalidArgument(backend().CreateKey(id_, both)));
    EXPECT_TRUE(absl::IsInvalidArgument(backend().ImportKey(id_, Counting(32), both)));
    EXPECT_TRUE(IsAbsent(backend().LoadKey(id_)));
    return;
  }
  ASSERT_TRUE(backend().CreateKey(id_, both).ok());
  EXPECT_TRUE(backend().Hmac(id_, kIv).ok());
  EXPECT_TRUE(backend().Encrypt(id_, {.iv = kIv}, kIv).ok());
}

}  // namespace aziot::keyd::testing
