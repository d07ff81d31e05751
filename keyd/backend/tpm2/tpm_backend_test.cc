#include "keyd/backend/tpm2/tpm_backend.h"

#include <sys/stat.h>

#include <thread>

#include "absl/strings/match.h"
#include "common/openssl/digest.h"
#include "keyd/backend/testing/key_backend_contract.h"
#include "keyd/backend/tpm2/backend_fixture.h"

namespace aziot::keyd::testing {
namespace {

struct TpmUnderTest final : BackendUnderTest {
  const aziot::testing::Swtpm swtpm;
  const aziot::testing::TempDir home;
  const std::unique_ptr<KeyBackend> made =
      tpm2::TpmBackend::Open({.tpm = tpm::Tpm::New({.tcti = swtpm.tcti()}), .directory = home.Join("keys")});
  KeyBackend& backend() override { return *made; }
};

INSTANTIATE_TEST_SUITE_P(Tpm, KeyBackendContract,
                         ::testing::Values(ContractParameter{"Tpm",
                                                             [] { return std::make_unique<TpmUnderTest>(); },
                                                             {.keeps_to_usage = true}}),
                         ContractName);

}  // namespace
}  // namespace aziot::keyd::testing

namespace aziot::keyd::tpm2 {
namespace {

using aziot::testing::IsOk;
using aziot::testing::StatusIs;
using ::testing::HasSubstr;
using enum absl::StatusCode;

const Bytes kDigest(32, 1);

class TpmBackendTest : public BackendFixture {};

TEST_F(TpmBackendTest, FilesAreNamedAndClosedAsTheOthers) {
  const auto backend = Open();
  EXPECT_FALSE(files::Exists(dir_.Join("home")));
  ASSERT_THAT(backend->CreateKeyPair(id_, kEc), IsOk());
  const std::string path =
      dir_.Join("home/keys/deviceid-bd732105ef89cf8edd2606a5309c8a26b7b5599a4e124a0fe6199b6b2f60e655.tpm");
  EXPECT_TRUE(absl::StartsWith(Content(path), "-----BEGIN TSS2 PRIVATE KEY-----\n"));
  struct stat facts {};
  ASSERT_EQ(stat(path.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 07777, 0600u);
  for (const char* directory : {"home", "home/keys"}) {
    ASSERT_EQ(stat(dir_.Join(directory).c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 07777, 0700u) << directory;
  }
}

TEST_F(TpmBackendTest, ANewBackendUsesTheSameKeys) {
  const auto first = Open();
  ASSERT_THAT(first->CreateKey(id_, kSign), IsOk());
  ASSERT_THAT(first->CreateKeyPair(other_, kEc), IsOk());
  const auto second = Open();
  EXPECT_EQ(*second->Hmac(id_, {}), *first->Hmac(id_, {}));
  EXPECT_EQ(*second->PublicParameter(other_, PairParameter::kEcPoint),
            *first->PublicParameter(other_, PairParameter::kEcPoint));
}

TEST_F(TpmBackendTest, MessagesOfAnyLength) {
  const auto backend = Open();
  ASSERT_THAT(backend->ImportKey(id_, kDigest, kSign), IsOk());
  for (const size_t size : {0u, 1u, 1023u, 1024u, 1025u, 2048u, 2049u, 5000u}) {
    Bytes message(size);
    for (size_t i = 0; i < size; ++i) message[i] = static_cast<uint8_t>(i * 7);
    const Mac expected = openssl::HmacSha256(kDigest, message);
    EXPECT_EQ(*backend->Hmac(id_, message), expected) << size;
    EXPECT_TRUE(backend->Derive(id_, message)->Expose().size() == 32u &&
                std::equal(expected.begin(), expected.end(), backend->Derive(id_, message)->Expose().begin()))
        << size;
  }
}

TEST_F(TpmBackendTest, WhatIsTooLongToSealGoesElsewhere) {
  const auto backend = Open();
  EXPECT_THAT(backend->ImportKey(id_, Bytes(129, 1), kEncrypt), StatusIs(kUnimplemented));
  EXPECT_THAT(backend->LoadKey(id_), StatusIs(kNotFound));
  EXPECT_THAT(backend->ImportKey(id_, Bytes(128, 1), kEncrypt), IsOk());
  // Sealed it is, but no AES-256 key.
  EXPECT_THAT(backend->Encrypt(id_, {.iv = kDigest}, kDigest), StatusIs(kInternal));
}

TEST_F(TpmBackendTest, KeysToEncryptWithCanBeLeftToFiles) {
  ASSERT_THAT(Open()->CreateKey(other_, kEncrypt), IsOk());
  TpmBackendOptions options = Options();
  options.symmetric = Symmetric::kFile;
  const auto backend = TpmBackend::Open(std::move(options));
  EXPECT_THAT(backend->CreateKey(id_, kEncrypt), StatusIs(kUnimplemented, HasSubstr("tpm_symmetric")));
  EXPECT_THAT(backend->ImportKey(id_, kDigest, kEncrypt), StatusIs(kUnimplemented));
  EXPECT_THAT(backend->CreateKey(id_, kSign), IsOk());
  // What was sealed before stays of use.
  EXPECT_THAT(backend->CreateKey(other_, kEncrypt), IsOk());
  EXPECT_THAT(backend->Encrypt(other_, {.iv = kDigest}, kDigest), IsOk());
}

// What each operation does with a file it cannot use; whatever it refuses, it leaves the file.
struct FoundCase {
  const char* name;
  const char* content;
  bool empty;
};
class FoundTest : public TpmBackendTest, public ::testing::WithParamInterface<FoundCase> {};

TEST_P(FoundTest, IsReportedAndKeptUnlessEmpty) {
  const auto backend = Open();
  const std::string path = PathOf(id_);
  const auto expect = [&](absl::StatusCode code, auto operation) {
    Put(path, GetParam().content);
    const absl::Status status = operation(*backend);
    EXPECT_EQ(status.code(), code) << status;
    if (!status.ok()) {
      EXPECT_THAT(std::string(status.message()), HasSubstr(path));
      EXPECT_EQ(Content(path), GetParam().content);
    }
  };
  const absl::StatusCode made = GetParam().empty ? kOk : kInternal;
  expect(kInternal, [&](TpmBackend& b) { return b.LoadKey(id_); });
  expect(kInternal, [&](TpmBackend& b) { return b.LoadKeyPair(id_); });
  expect(kInternal, [&](TpmBackend& b) { return b.Hmac(id_, {}).status(); });
  expect(kInternal, [&](TpmBackend& b) { return b.SignDigest(id_, kDigest).status(); });
  expect(kInternal, [&](TpmBackend& b) { return b.FamilyOf(id_).status(); });
  expect(made, [&](TpmBackend& b) { return b.CreateKey(id_, kSign); });
  expect(made, [&](TpmBackend& b) { return b.CreateKey(id_, kEncrypt); });
  expect(made, [&](TpmBackend& b) { return b.ImportKey(id_, kDigest, kSign); });
  expect(made, [&](TpmBackend& b) { return b.CreateKeyPair(id_, kEc); });
  expect(kOk, [&](TpmBackend& b) { return b.DeleteKeyPair(id_); });
  EXPECT_FALSE(files::Exists(path));
}

INSTANTIATE_TEST_SUITE_P(
    All, FoundTest,
    ::testing::Values(FoundCase{"Empty", "", true}, FoundCase{"Text", "not a key", false},
                      FoundCase{"Torn", "-----BEGIN TSS2 PRIVATE KEY-----\nMIHwBgZngQUKAQOgAwEBAf8", false},
                      FoundCase{"NoBlob",
                                "-----BEGIN TSS2 PRIVATE KEY-----\nMAoGBmeBBQoBAwIA\n"
                                "-----END TSS2 PRIVATE KEY-----\n",
                                false},
                      FoundCase{"OtherPem", "-----BEGIN PRIVATE KEY-----\nMAoG\n-----END PRIVATE KEY-----\n",
                                false}),
    [](const auto& info) { return std::string(info.param.name); });

// A flipped bit in the wrapped half is what a key of another TPM looks like.
TEST_F(TpmBackendTest, ADamagedKeyIsReportedAndKept) {
  const auto backend = Open();
  ASSERT_THAT(backend->CreateKeyPair(id_, kEc), IsOk());
  Tss2Key key = *ParseTss2Pem(Content(PathOf(id_)));
  key.wrapped.buffer[key.wrapped.size - 1] ^= 1;
  const std::string damaged = *FormatTss2Pem(key);
  Put(PathOf(id_), damaged);
  EXPECT_THAT(backend->SignDigest(id_, kDigest), StatusIs(kFailedPrecondition));
  EXPECT_THAT(backend->CreateKeyPair(id_, kEc), StatusIs(kFailedPrecondition));
  EXPECT_EQ(Content(PathOf(id_)), damaged);
}

TEST_F(TpmBackendTest, UnfinishedWritesAreClearedAtTheStart) {
  ASSERT_THAT(Open()->CreateKeyPair(id_, kEc), IsOk());
  const std::string leftover = dir_.Join("home/keys/.x.tpm.tmp-0123456789abcdef");
  Put(leftover, "unfinished");
  const auto backend = Open();
  EXPECT_FALSE(files::Exists(leftover));
  EXPECT_THAT(backend->SignDigest(id_, kDigest), IsOk());
}

TEST_F(TpmBackendTest, ChangesByOthersAreSeenAtOnce) {
  const auto backend = Open();
  ASSERT_THAT(backend->ImportKey(id_, ToBytesView("one"), kSign), IsOk());
  const std::string one = Content(PathOf(id_));
  ASSERT_THAT(backend->ImportKey(id_, ToBytesView("two"), kSign), IsOk());
  const Mac two = *backend->Hmac(id_, {});
  ASSERT_THAT(files::Replace(PathOf(id_), one, 0600), IsOk());
  EXPECT_EQ(*backend->Hmac(id_, {}), openssl::HmacSha256(ToBytesView("one"), {}));
  EXPECT_NE(*backend->Hmac(id_, {}), two);
  std::filesystem::remove(PathOf(id_));
  EXPECT_THAT(backend->Hmac(id_, {}), StatusIs(kNotFound));
}

TEST_F(TpmBackendTest, AKeyInUseIsNeitherReadNorLoadedAgain) {
  const auto backend = Open();
  ASSERT_THAT(backend->CreateKeyPair(id_, kEc), IsOk());
  // Until its file is older than the file system's clock is coarse.
  for (int i = 0; i < 500 && backend->LaneOf(id_, Operation::kLoad) != Lane::Inline(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    ASSERT_THAT(backend->LoadKeyPair(id_), IsOk());
  }
  ASSERT_TRUE(backend->LaneOf(id_, Operation::kLoad).is_inline());
  ASSERT_THAT(backend->SignDigest(id_, kDigest), IsOk());
  const int loads = faults_->CountOf(TPM2_CC_Load);
  struct stat before {
  }, after{};
  ASSERT_EQ(stat(PathOf(id_).c_str(), &before), 0);
  for (int i = 0; i < 5; ++i) ASSERT_THAT(backend->SignDigest(id_, kDigest), IsOk());
  ASSERT_EQ(stat(PathOf(id_).c_str(), &after), 0);
  // Another one at most, should the test have been stopped for so long that the TPM was let go.
  EXPECT_LE(faults_->CountOf(TPM2_CC_Load), loads + 1);
}

TEST_F(TpmBackendTest, PreloadedFilesStandForTheirKeys) {
  const auto maker = Open();
  ASSERT_THAT(maker->CreateKeyPair(other_, kEc), IsOk());
  const std::string path = dir_.Join("etc/ca.tpm");
  Put(path, Content(PathOf(other_)));
  TpmBackendOptions options = Options();
  options.preloaded[id_.value()] = path;
  const auto backend = TpmBackend::Open(std::move(options));
  EXPECT_THAT(backend->CreateKeyPair(id_, kRsa), IsOk());
  EXPECT_EQ(*backend->PublicParameter(id_, PairParameter::kEcPoint),
            *maker->PublicParameter(other_, PairParameter::kEcPoint));
  EXPECT_FALSE(files::Exists(PathOf(id_)));
  const KeyId moved = *KeyId::Parse("moved");
  ASSERT_THAT(backend->MoveKeyPair(id_, moved), IsOk());
  EXPECT_FALSE(files::Exists(path));
  ASSERT_THAT(backend->CreateKeyPair(id_, kEc), IsOk());
  EXPECT_TRUE(files::Exists(path));
  ASSERT_THAT(backend->DeleteKeyPair(id_), IsOk());
  EXPECT_FALSE(files::Exists(path));
}

TEST_F(TpmBackendTest, DiskTroubleIsInternal) {
  TpmBackendOptions options = Options();
  options.preloaded["ca"] = dir_.Join("missing/ca.tpm");
  const auto backend = TpmBackend::Open(std::move(options));
  EXPECT_THAT(backend->CreateKey(*KeyId::Parse("ca"), kSign), StatusIs(kInternal));
  Put(dir_.Join("home"), "a file where the directory should be");
  const absl::Status status = backend->CreateKey(id_, kSign);
  EXPECT_FALSE(status.ok() || absl::IsInvalidArgument(status) || absl::IsNotFound(status)) << status;
  std::filesystem::remove(dir_.Join("home"));
  EXPECT_THAT(backend->CreateKey(*KeyId::Parse(std::string(187, 'a')), kSign), StatusIs(kInternal));
  EXPECT_THAT(backend->CreateKey(id_, kSign), IsOk());
}

TEST_F(TpmBackendTest, Lanes) {
  const auto backend = Open();
  ASSERT_EQ(backend->Lanes().size(), 1u);
  EXPECT_EQ(backend->Lanes()[0].lane, Lane::Named("tpm"));
  EXPECT_EQ(backend->Lanes()[0].threads, 1);
  for (const Operation making :
       {Operation::kCreateKey, Operation::kImportKey, Operation::kCreateEcPair, Operation::kCreateRsaPair}) {
    EXPECT_EQ(backend->LaneOf(id_, making), Lane::Named("tpm"));
  }
  EXPECT_EQ(backend->LaneOf(id_, Operation::kDelete), Lane::Peers());
  EXPECT_EQ(backend->LaneOf(id_, Operation::kMove), Lane::Peers());
  // That there is no such key needs no TPM.
  for (const Operation use : {Operation::kLoad, Operation::kParameter, Operation::kHmac, Operation::kAead,
                              Operation::kEcdsa, Operation::kRsa}) {
    EXPECT_TRUE(backend->LaneOf(id_, use).is_inline());
  }
  ASSERT_THAT(backend->CreateKeyPair(id_, kEc), IsOk());
  EXPECT_TRUE(backend->LaneOf(id_, Operation::kParameter).is_inline());
  for (const Operation use : {Operation::kHmac, Operation::kAead, Operation::kEcdsa, Operation::kRsa}) {
    EXPECT_EQ(backend->LaneOf(id_, use), Lane::Named("tpm"));
  }
}

}  // namespace
}  // namespace aziot::keyd::tpm2
