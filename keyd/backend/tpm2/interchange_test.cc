// Keys made here are used by tpm2-openssl and tpm2-tools, and theirs here.
#include <openssl/ecdsa.h>
#include <openssl/pem.h>

#include "common/bytes/hex.h"
#include "common/openssl/digest.h"
#include "common/openssl/owned.h"
#include "keyd/backend/tpm2/backend_fixture.h"
#include "keyd/tpm/marshal.h"

namespace aziot::keyd::tpm2 {
namespace {

using aziot::testing::IsOk;
using aziot::testing::StatusIs;
using ::testing::HasSubstr;
using enum absl::StatusCode;

constexpr char kProviders[] = " -provider tpm2 -provider default -propquery '?provider=tpm2' ";

class InterchangeTest : public BackendFixture {
 protected:
  // The public half of what openssl makes of `key`, into `pem`.
  ::testing::AssertionResult WritePublic(const std::string& key, const std::string& pem) {
    return Run(absl::StrCat("openssl pkey", kProviders, "-in ", key, " -pubout -out ", pem));
  }
  openssl::PkeyPtr ReadPublic(const std::string& pem) {
    const openssl::BioPtr file(BIO_new_file(dir_.Join(pem).c_str(), "r"));
    return openssl::PkeyPtr(PEM_read_bio_PUBKEY(file.get(), nullptr, nullptr, nullptr));
  }
  static bool Verifies(EVP_PKEY& key, BytesView digest, BytesView signature) {
    const openssl::PkeyCtxPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, &key, nullptr));
    EVP_PKEY_verify_init(context.get());
    return EVP_PKEY_verify(context.get(), signature.data(), signature.size(), digest.data(), digest.size()) ==
           1;
  }
  std::unique_ptr<TpmBackend> OpenWith(const std::string& file) {
    TpmBackendOptions options = Options();
    options.preloaded[id_.value()] = dir_.Join(file);
    return TpmBackend::Open(std::move(options));
  }
  void ExpectEcKeyWorks(TpmBackend& backend, const std::string& key) {
    ASSERT_TRUE(WritePublic(key, "public.pem"));
    const openssl::PkeyPtr published = ReadPublic("public.pem");
    ASSERT_NE(published, nullptr);
    const auto digest = openssl::Sha256(ToBytesView("message"));
    const auto signature = backend.SignDigest(id_, digest);
    ASSERT_THAT(signature, IsOk());
    EXPECT_TRUE(Verifies(*published, digest, *signature));
  }

  const std::string message_ = dir_.Join("message");
};

TEST_F(InterchangeTest, AnEcPairOfOursSignsThroughTpm2Openssl) {
  const auto backend = Open();
  ASSERT_THAT(backend->CreateKeyPair(id_, kEc), IsOk());
  ASSERT_TRUE(WritePublic(PathOf(id_), "public.pem"));
  const openssl::PkeyPtr published = ReadPublic("public.pem");
  ASSERT_NE(published, nullptr);
  Put(message_, "message");
  ASSERT_TRUE(Run(
      absl::StrCat("openssl dgst -sha256", kProviders, "-sign ", PathOf(id_), " -out signature message")));
  EXPECT_TRUE(Verifies(*published, openssl::Sha256(ToBytesView("message")),
                       ToBytesView(Content(dir_.Join("signature")))));
  // What we say of the public half is what they read of it.
  const auto digest = openssl::Sha256(ToBytesView("other"));
  EXPECT_TRUE(Verifies(*published, digest, *backend->SignDigest(id_, digest)));
}

TEST_F(InterchangeTest, AnRsaPairOfOursSignsThroughTpm2Openssl) {
  const auto backend = Open();
  ASSERT_THAT(backend->CreateKeyPair(id_, kRsa), IsOk());
  ASSERT_TRUE(WritePublic(PathOf(id_), "public.pem"));
  Put(message_, "message");
  ASSERT_TRUE(Run(
      absl::StrCat("openssl dgst -sha256", kProviders, "-sign ", PathOf(id_), " -out signature message")));
  EXPECT_TRUE(Run("openssl dgst -sha256 -verify public.pem -signature signature message"));
  ASSERT_TRUE(Run(absl::StrCat("openssl dgst -sha256", kProviders, "-sigopt rsa_padding_mode:pss -sign ",
                               PathOf(id_), " -out signature message")));
  EXPECT_TRUE(Run(
      "openssl dgst -sha256 -sigopt rsa_padding_mode:pss -verify public.pem -signature signature message"));
}

TEST_F(InterchangeTest, AnEcKeyOfTpm2OpensslUnderTheOwnerHierarchyIsUsedHere) {
  ASSERT_TRUE(Run("openssl genpkey -provider tpm2 -algorithm EC -pkeyopt group:P-256 -out key.pem"));
  const auto backend = OpenWith("key.pem");
  EXPECT_EQ(*backend->FamilyOf(id_), KeyFamily::kEc);
  EXPECT_THAT(backend->LoadKeyPair(id_), IsOk());
  ExpectEcKeyWorks(*backend, "key.pem");
  EXPECT_EQ(backend->PublicParameter(id_, PairParameter::kEcPoint)->size(), 33u);
}

TEST_F(InterchangeTest, AnEcKeyOfTpm2OpensslUnderTheSrkIsUsedHere) {
  ASSERT_THAT(Open()->CreateKeyPair(other_, kEc), IsOk());  // makes the SRK
  ASSERT_TRUE(
      Run("openssl genpkey -provider tpm2 -algorithm EC -pkeyopt group:P-256 -pkeyopt parent:0x81000001 "
          "-out key.pem"));
  const auto backend = OpenWith("key.pem");
  ExpectEcKeyWorks(*backend, "key.pem");
}

TEST_F(InterchangeTest, AP384KeyOfTpm2OpensslSignsButHasNoKnownCurve) {
  ASSERT_TRUE(Run("openssl genpkey -provider tpm2 -algorithm EC -pkeyopt group:P-384 -out key.pem"));
  const auto backend = OpenWith("key.pem");
  ASSERT_TRUE(WritePublic("key.pem", "public.pem"));
  const openssl::PkeyPtr published = ReadPublic("public.pem");
  for (const size_t size : {20u, 32u, 48u}) {
    const Bytes digest(size, 7);
    const auto signature = backend->SignDigest(id_, digest);
    ASSERT_THAT(signature, IsOk());
    EXPECT_TRUE(Verifies(*published, digest, *signature)) << size;
  }
  EXPECT_THAT(backend->PublicParameter(id_, PairParameter::kEcCurveOid), StatusIs(kInvalidArgument));
  EXPECT_EQ(backend->PublicParameter(id_, PairParameter::kEcPoint)->size(), 49u);
}

TEST_F(InterchangeTest, AnRsaKeyOfTpm2OpensslIsUsedHere) {
  ASSERT_TRUE(Run("openssl genpkey -provider tpm2 -algorithm RSA -pkeyopt bits:2048 -out key.pem"));
  const auto backend = OpenWith("key.pem");
  ASSERT_TRUE(WritePublic("key.pem", "public.pem"));
  // DigestInfo of SHA-256 (RFC 8017, 9.2) and the digest.
  Bytes input = *ParseHex("3031300d060960864801650304020105000420");
  const auto digest = openssl::Sha256(ToBytesView("message"));
  input.insert(input.end(), digest.begin(), digest.end());
  const auto signature = backend->RsaPrivate(id_, RsaPadding::kPkcs1, input);
  ASSERT_THAT(signature, IsOk());
  Put(message_, "message");
  Put(dir_.Join("signature"), ToText(*signature));
  EXPECT_TRUE(Run("openssl dgst -sha256 -verify public.pem -signature signature message"));
}

TEST_F(InterchangeTest, AKeyWithAPasswordIsRefusedByName) {
  ASSERT_TRUE(
      Run("openssl genpkey -provider tpm2 -algorithm EC -pkeyopt group:P-256 -pkeyopt user-auth:abc "
          "-out key.pem"));
  EXPECT_THAT(OpenWith("key.pem")->LoadKeyPair(id_), StatusIs(kInternal, HasSubstr("password")));
}

TEST_F(InterchangeTest, APersistentKeyOfTpm2ToolsIsUsedByItsHandle) {
  ASSERT_TRUE(
      Run("tpm2_createprimary -Q -C o -G ecc -c primary && "
          "tpm2_create -Q -C primary -G ecc256 -u pub -r priv && tpm2_flushcontext -t && "
          "tpm2_load -Q -C primary -u pub -r priv -c key && tpm2_flushcontext -t && "
          "tpm2_evictcontrol -Q -c key 0x81000010 && tpm2_flushcontext -t && "
          "tpm2_readpublic -Q -c 0x81000010 -f pem -o public.pem"));
  TpmBackendOptions options = Options();
  options.preloaded[id_.value()] = uint32_t{0x81000010};
  const auto backend = TpmBackend::Open(std::move(options));
  EXPECT_EQ(backend->LaneOf(id_, Operation::kParameter), Lane::Named("tpm"));
  ASSERT_THAT(backend->LoadKeyPair(id_), IsOk());
  EXPECT_TRUE(backend->LaneOf(id_, Operation::kParameter).is_inline());
  const openssl::PkeyPtr published = ReadPublic("public.pem");
  const auto digest = openssl::Sha256(ToBytesView("message"));
  const auto signature = backend->SignDigest(id_, digest);
  ASSERT_THAT(signature, IsOk());
  EXPECT_TRUE(Verifies(*published, digest, *signature));

  EXPECT_THAT(backend->CreateKeyPair(id_, kRsa), IsOk());  // kept
  EXPECT_THAT(backend->CreateKey(id_, kSign), StatusIs(kInvalidArgument));
  EXPECT_THAT(backend->ImportKey(id_, ToBytesView("k"), kSign), StatusIs(kInvalidArgument));
  EXPECT_THAT(backend->DeleteKeyPair(id_), StatusIs(kInvalidArgument, HasSubstr("tpm2_evictcontrol")));
  EXPECT_THAT(backend->DeleteKey(id_), StatusIs(kInvalidArgument));
  EXPECT_THAT(backend->MoveKeyPair(id_, other_), StatusIs(kInvalidArgument));
  ASSERT_THAT(backend->CreateKeyPair(other_, kEc), IsOk());
  EXPECT_THAT(backend->MoveKeyPair(other_, id_), StatusIs(kInvalidArgument));
  EXPECT_TRUE(Run("tpm2_readpublic -Q -c 0x81000010"));

  // Another one in its place, then none, then one of the other family, without a restart.
  ASSERT_TRUE(
      Run("tpm2_evictcontrol -Q -c 0x81000010 && tpm2_createprimary -Q -C o -G ecc -a "
          "'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign' -c other && "
          "tpm2_evictcontrol -Q -c other 0x81000010 && tpm2_flushcontext -t && "
          "tpm2_readpublic -Q -c 0x81000010 -f pem -o other.pem"));
  const auto by_other = backend->SignDigest(id_, digest);
  ASSERT_THAT(by_other, IsOk());
  EXPECT_TRUE(Verifies(*ReadPublic("other.pem"), digest, *by_other));
  ASSERT_TRUE(Run("tpm2_evictcontrol -Q -c 0x81000010"));
  EXPECT_THAT(backend->SignDigest(id_, digest), StatusIs(kNotFound));
  EXPECT_THAT(backend->CreateKeyPair(id_, kEc), StatusIs(kFailedPrecondition, HasSubstr("0x81000010")));
  ASSERT_TRUE(
      Run("tpm2_createprimary -Q -C o -G rsa2048 -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|"
          "sign|decrypt' -c primary && tpm2_evictcontrol -Q -c primary 0x81000010 && tpm2_flushcontext -t"));
  EXPECT_THAT(backend->SignDigest(id_, digest), StatusIs(kInvalidArgument));
  EXPECT_EQ(*backend->FamilyOf(id_), KeyFamily::kRsa);
}

// By its handle, and by the file tpm2_encodeobject makes of it (whose -p says in 5.4 that there is no
// password).
TEST_F(InterchangeTest, AnHmacKeyOfTpm2ToolsIsUsedHere) {
  ASSERT_THAT(Open()->CreateKeyPair(other_, kEc), IsOk());  // makes the SRK
  ASSERT_TRUE(
      Run("tpm2_create -Q -C 0x81000001 -G hmac:sha256 -u pub -r priv && "
          "tpm2_load -Q -C 0x81000001 -u pub -r priv -c key && tpm2_flushcontext -t && "
          "printf message > message && tpm2_hmac -c key -o mac message && tpm2_flushcontext -t && "
          "tpm2_evictcontrol -Q -c key 0x81000011 && tpm2_flushcontext -t && "
          "tpm2_encodeobject -C 0x81000001 -u pub -r priv -p -o key.pem"));
  const std::string expected = Content(dir_.Join("mac"));
  ASSERT_EQ(expected.size(), 32u);
  TpmBackendOptions options = Options();
  options.preloaded[id_.value()] = uint32_t{0x81000011};
  options.preloaded["file"] = dir_.Join("key.pem");
  const auto backend = TpmBackend::Open(std::move(options));
  for (const KeyId& id : {id_, *KeyId::Parse("file")}) {
    EXPECT_THAT(backend->LoadKey(id), IsOk());
    EXPECT_THAT(backend->LoadKeyPair(id), StatusIs(kInvalidArgument));
    EXPECT_EQ(ToText(*backend->Hmac(id, ToBytesView("message"))), expected);
    EXPECT_EQ(backend->Derive(id, ToBytesView("message"))->ExposeText(), expected);
  }
}

TEST_F(InterchangeTest, DataSealedByTpm2ToolsIsAKeyToEncryptWith) {
  ASSERT_TRUE(
      Run("tpm2_createprimary -Q -C o -G ecc -c primary && "
          "printf 0123456789abcdef0123456789abcdef > secret && "
          "tpm2_create -Q -C primary -i secret -u pub -r priv && tpm2_flushcontext -t && "
          "tpm2_load -Q -C primary -u pub -r priv -c key && tpm2_flushcontext -t && "
          "tpm2_evictcontrol -Q -c key 0x81000012 && tpm2_flushcontext -t"));
  TpmBackendOptions options = Options();
  options.preloaded[id_.value()] = uint32_t{0x81000012};
  const auto backend = TpmBackend::Open(std::move(options));
  const Bytes iv(12, 1);
  const AeadParameters parameters{.iv = iv};
  const auto blob = backend->Encrypt(id_, parameters, ToBytesView("text"));
  ASSERT_THAT(blob, IsOk());
  const MemoryKey same(Secret(ToBytesView("0123456789abcdef0123456789abcdef")));
  EXPECT_EQ(ToText(*same.Decrypt(parameters, *blob)), "text");
}

TEST_F(InterchangeTest, OursIsLoadedByTpm2Tools) {
  const auto backend = Open();
  ASSERT_THAT(backend->ImportKey(id_, ToBytesView("secret"), kSign), IsOk());
  const auto key = ParseTss2Pem(Content(PathOf(id_)));
  ASSERT_THAT(key, IsOk());
  EXPECT_EQ(key->parent, tpm::kSrkHandle);
  Put(dir_.Join("pub"), ToText(*tpm::FormatPublic(key->area)));
  Put(dir_.Join("priv"), ToText(*tpm::FormatPrivate(key->wrapped)));
  Put(message_, "message");
  ASSERT_TRUE(
      Run("tpm2_load -Q -C 0x81000001 -u pub -r priv -c key && tpm2_flushcontext -t && "
          "tpm2_hmac -c key -o mac message"));
  const auto mac = openssl::HmacSha256(ToBytesView("secret"), ToBytesView("message"));
  EXPECT_EQ(Content(dir_.Join("mac")), ToText(mac));
}

}  // namespace
}  // namespace aziot::keyd::tpm2
