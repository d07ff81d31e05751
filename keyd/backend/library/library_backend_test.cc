#include "keyd/backend/library/library_backend.h"

#include <gmock/gmock.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "common/files/files.h"
#include "common/openssl/digest.h"
#include "keyd/backend/library/testing/sample_library.h"
#include "keyd/backend/testing/key_backend_contract.h"

namespace aziot::keyd::library {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr KeyUsage kSign{.sign = true};
constexpr KeyUsage kEncrypt{.encrypt = true};
constexpr KeyAlgorithm kEc[] = {KeyAlgorithm::kEcP256};
constexpr KeyAlgorithm kRsa[] = {KeyAlgorithm::kRsa2048};

// The contract, kept without one NULL and without one call beside another.
struct Sample final : testing::BackendUnderTest {
  explicit Sample(SampleVersion version) : library(version), opened(library.Open()) {}
  ~Sample() override {
    EXPECT_EQ(library.Report().null_buffers, 0u);
    EXPECT_LE(library.Report().most_at_once, 1u);
    EXPECT_EQ(library.Report().algorithm_bounds, 0u);
  }
  KeyBackend& backend() override { return **opened; }

  SampleLibrary library;
  absl::StatusOr<std::unique_ptr<LibraryBackend>> opened;
};

}  // namespace
}  // namespace aziot::keyd::library

namespace aziot::keyd::testing {
namespace {

using library::Sample;
using library::SampleVersion;

INSTANTIATE_TEST_SUITE_P(
    Library, KeyBackendContract,
    ::testing::Values(
        ContractParameter{"Version21", [] { return std::make_unique<Sample>(SampleVersion::k21); }},
        ContractParameter{
            "Version20", [] { return std::make_unique<Sample>(SampleVersion::k20); }, {.moves = false}}),
    ContractName);

}  // namespace
}  // namespace aziot::keyd::testing

namespace aziot::keyd::library {
namespace {

class LibraryBackendTest : public ::testing::Test {
 protected:
  // Opens the sample anew.
  KeyBackend& Open(SampleLibrary::Parameters parameters = {}) {
    auto opened = sample_.Open(std::move(parameters));
    EXPECT_TRUE(opened.ok()) << opened.status();
    backend_ = *std::move(opened);
    return *backend_;
  }
  SampleReport Report() const { return sample_.Report(); }
  void WriteFile(const KeyId& id, absl::string_view content) {
    ASSERT_TRUE(files::Replace(sample_.KeyFile(id.value()), ToBytesView(content), 0600).ok());
  }

  const SampleLibrary sample_;
  std::unique_ptr<LibraryBackend> backend_;
  const KeyId id_ = *KeyId::Parse("device-id");
  const KeyId other_ = *KeyId::Parse("device-id-temp");
};

TEST_F(LibraryBackendTest, ParametersAreHandedOverInTheirOrder) {
  Open({{"preloaded_key:b", "file:///b"}, {"preloaded_key:", "file:///e"}, {"preloaded_key:a", "file:///a"}});
  EXPECT_STREQ(Report().parameters, "homedir_path,preloaded_key:b,preloaded_key:,preloaded_key:a,");
}

TEST_F(LibraryBackendTest, ARefusedParameterIsNamedAndItsValueIsNot) {
  const absl::Status unknown = sample_.Open({{"pkcs11_pin", "secret"}}).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(unknown));
  EXPECT_THAT(
      std::string(unknown.message()),
      AllOf(HasSubstr("set_parameter(\"pkcs11_pin\") returned 1 (invalid parameter)"),
            HasSubstr(SampleLibrary::PathOf(SampleVersion::k21)), ::testing::Not(HasSubstr("secret"))));
  EXPECT_TRUE(absl::IsFailedPrecondition(sample_.Open({{"preloaded_key:x", "pkcs11:token=a"}}).status()));
}

TEST_F(LibraryBackendTest, APreloadedKeyLiesWhereItWasBound) {
  const aziot::testing::TempDir elsewhere;
  const std::string path = elsewhere.Join("ca.pem");
  KeyBackend& backend = Open({{"preloaded_key:device-id", absl::StrCat("file://", path)}});
  ASSERT_TRUE(backend.CreateKeyPair(id_, kEc).ok());
  EXPECT_TRUE(files::Exists(path));
}

TEST_F(LibraryBackendTest, KeysOutliveTheProcess) {
  ASSERT_TRUE(Open().ImportKey(id_, Bytes(32, 9), kSign).ok());
  EXPECT_EQ(*Open().Hmac(id_, ToBytesView("m")), openssl::HmacSha256(Bytes(32, 9), ToBytesView("m")));
}

TEST_F(LibraryBackendTest, EveryOperationIsDoneOnceAndAskedForItsSizeOnce) {
  KeyBackend& backend = Open();
  ASSERT_TRUE(backend.CreateKey(id_, kSign).ok());
  ASSERT_TRUE(backend.CreateKeyPair(other_, kEc).ok());
  const auto delta = [&](auto run) {
    const SampleReport before = Report();
    EXPECT_TRUE(run().ok());
    const SampleReport after = Report();
    return std::pair(after.size_only_calls - before.size_only_calls, after.operations - before.operations);
  };
  const Bytes digest(32, 1);
  EXPECT_EQ(delta([&] { return backend.Hmac(id_, digest); }), std::pair(1u, 1u));
  EXPECT_EQ(delta([&] { return backend.Derive(id_, digest); }), std::pair(1u, 1u));
  EXPECT_EQ(delta([&] { return backend.Encrypt(id_, {.iv = digest}, digest); }), std::pair(1u, 1u));
  EXPECT_EQ(delta([&] { return backend.SignDigest(other_, digest); }), std::pair(1u, 1u));
  EXPECT_EQ(delta([&] { return backend.PublicParameter(other_, PairParameter::kEcPoint); }),
            std::pair(1u, 1u));
  // Of what has a known size, the size is not asked for.
  EXPECT_EQ(delta([&] { return backend.VerifyHmac(id_, digest, digest); }), std::pair(0u, 1u));
  EXPECT_EQ(delta([&] { return backend.FamilyOf(other_); }), std::pair(0u, 1u));
}

TEST_F(LibraryBackendTest, NothingIsEverNull) {
  for (const char* bound : {"some", "exact"}) {
    KeyBackend& backend = Open({{"sample_bound", bound}});
    ASSERT_TRUE(backend.CreateKey(id_, kEncrypt).ok());
    const BytesView nothing;
    ASSERT_EQ(nothing.data(), nullptr);
    EXPECT_TRUE(backend.Hmac(id_, nothing).ok());
    EXPECT_FALSE(*backend.VerifyHmac(id_, nothing, nothing));
    EXPECT_TRUE(backend.Derive(id_, nothing).ok());
    EXPECT_TRUE(absl::IsInternal(backend.Encrypt(id_, {}, nothing).status()));  // an iv of no bytes
    const Bytes iv(12);
    const auto blob = backend.Encrypt(id_, {.iv = iv}, nothing);
    ASSERT_TRUE(blob.ok()) << blob.status();
    const auto text = backend.Decrypt(id_, {.iv = iv}, *blob);  // of no bytes, and with "exact" so announced
    ASSERT_TRUE(text.ok()) << text.status();
    EXPECT_EQ(text->size(), 0u);
    Bytes changed = *blob;
    changed.back() ^= 1;
    EXPECT_TRUE(absl::IsInternal(backend.Decrypt(id_, {.iv = iv}, changed).status()));  // it was looked at
    EXPECT_TRUE(absl::IsInvalidArgument(backend.Decrypt(id_, {.iv = iv}, nothing).status()));
    EXPECT_EQ(Report().null_buffers, 0u);
  }
}

TEST_F(LibraryBackendTest, OutputIsAsLongAsTheLibrarySaysInTheEnd) {
  KeyBackend& backend = Open();  // whose bounds are 7 bytes too high
  ASSERT_TRUE(backend.CreateKeyPair(id_, kRsa).ok());
  EXPECT_EQ(backend.PublicParameter(id_, PairParameter::kRsaModulus)->size(), 256u);
  EXPECT_EQ(*backend.PublicParameter(id_, PairParameter::kRsaExponent), (Bytes{1, 0, 1}));
  EXPECT_EQ(backend.RsaPrivate(id_, RsaPadding::kPkcs1, Bytes(36))->size(), 256u);
}

TEST_F(LibraryBackendTest, ThreadsTakeTurns) {
  KeyBackend& backend = Open();
  ASSERT_TRUE(backend.ImportKey(id_, Bytes(32, 5), kSign).ok());
  std::vector<std::thread> threads;
  for (uint8_t i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      const KeyId own = *KeyId::Parse(absl::StrCat("own-", i));
      for (int round = 0; round < 30; ++round) {
        const Bytes message(i, i);
        const Mac mac = *backend.Hmac(id_, message);
        EXPECT_EQ(mac, openssl::HmacSha256(Bytes(32, 5), message));
        EXPECT_TRUE(*backend.VerifyHmac(id_, message, mac));
        EXPECT_TRUE(backend.CreateKeyPair(own, kEc).ok());
        EXPECT_TRUE(backend.SignDigest(own, Bytes(64, i)).ok());
        EXPECT_TRUE(backend.FamilyOf(own).ok());
        EXPECT_TRUE(backend.DeleteKeyPair(own).ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Report().most_at_once, 1u);
}

struct CodeCase {
  const char* fault;
  absl::StatusCode use, create;
  const char* text;
};
class LibraryCodeTest : public LibraryBackendTest, public ::testing::WithParamInterface<CodeCase> {};

TEST_P(LibraryCodeTest, EveryFunctionsCodeIsTold) {
  KeyBackend& backend = Open({{"sample_fault", GetParam().fault}});
  const Bytes digest(32);
  const std::pair<const char*, absl::Status> uses[] = {
      {"load_key", backend.LoadKey(id_)},
      {"sign", backend.Hmac(id_, digest).status()},
      {"verify", backend.VerifyHmac(id_, digest, digest).status()},
      {"derive_key", backend.Derive(id_, digest).status()},
      {"encrypt", backend.Encrypt(id_, {.iv = digest}, digest).status()},
      {"decrypt", backend.Decrypt(id_, {.iv = digest}, digest).status()},
      {"load_key_pair", backend.LoadKeyPair(id_)},
      {"get_key_pair_parameter", backend.FamilyOf(id_).status()},
      {"get_key_pair_parameter", backend.PublicParameter(id_, PairParameter::kEcPoint).status()},
      {"sign", backend.SignDigest(id_, digest).status()},
      {"encrypt", backend.RsaPrivate(id_, RsaPadding::kNone, digest).status()},
      {"load_key_pair", backend.MoveKeyPair(id_, other_)},
  };
  for (const auto& [function, status] : uses) {
    EXPECT_EQ(status.code(), GetParam().use) << function << ": " << status;
    if (GetParam().use == absl::StatusCode::kNotFound) continue;
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr(absl::StrCat(function, "(\"device-id\")")), HasSubstr(GetParam().text)));
  }
  const std::pair<const char*, absl::Status> changes[] = {
      {"create_key_if_not_exists", backend.CreateKey(id_, kSign)},
      {"import_key", backend.ImportKey(id_, digest, kSign)},
      {"delete_key", backend.DeleteKey(id_)},
      {"create_key_pair_if_not_exists", backend.CreateKeyPair(id_, kEc)},
      {"delete_key_pair", backend.DeleteKeyPair(id_)},
  };
  for (const auto& [function, status] : changes) {
    EXPECT_EQ(status.code(), GetParam().create) << function << ": " << status;
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr(absl::StrCat(function, "(\"device-id\")")), HasSubstr(GetParam().text)));
  }
}
INSTANTIATE_TEST_SUITE_P(
    All, LibraryCodeTest,
    ::testing::Values(CodeCase{"code 1", absl::StatusCode::kNotFound, absl::StatusCode::kInvalidArgument,
                               "returned 1 (invalid parameter)"},
                      CodeCase{"code 2", absl::StatusCode::kInternal, absl::StatusCode::kInternal,
                               "returned 2 (external error)"},
                      CodeCase{"code 3", absl::StatusCode::kInternal, absl::StatusCode::kInternal,
                               "returned 3 (no code of the interface)"},
                      CodeCase{"code -1", absl::StatusCode::kInternal, absl::StatusCode::kInternal,
                               "returned 4294967295 (no code of the interface)"}),
    [](const auto& info) { return absl::StrCat("Case", info.index); });

TEST_F(LibraryBackendTest, OutputOfTheWrongSizeIsTheLibrarysFault) {
  ASSERT_TRUE(Open().CreateKey(id_, kSign).ok());
  ASSERT_TRUE(backend_->CreateKeyPair(other_, kEc).ok());
  KeyBackend& backend = Open({{"sample_fault", "wrong_size"}});
  const absl::Status mac = backend.Hmac(id_, {}).status();
  EXPECT_TRUE(absl::IsInternal(mac));
  EXPECT_THAT(std::string(mac.message()), HasSubstr("gave 31 bytes for an HMAC-SHA256"));
  const absl::Status family = backend.FamilyOf(other_).status();
  EXPECT_TRUE(absl::IsInternal(family));
  EXPECT_THAT(std::string(family.message()), HasSubstr("gave 3 bytes instead of 4"));
}

TEST_F(LibraryBackendTest, AnImpossibleBoundIsTheLibrarysFault) {
  ASSERT_TRUE(Open().CreateKey(id_, kSign).ok());
  const absl::Status status = Open({{"sample_fault", "huge_bound"}}).Hmac(id_, {}).status();
  EXPECT_TRUE(absl::IsInternal(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("announced 1152921504606846976 bytes"));
}

TEST_F(LibraryBackendTest, ALibraryThatWroteTooMuchEndsTheProcess) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  ASSERT_TRUE(Open().CreateKey(id_, kSign).ok());
  EXPECT_DEATH(Open({{"sample_fault", "long_output"}}).Hmac(id_, {}).IgnoreError(),
               "says it wrote 40 bytes where there was room for 39; this process ends");
}

// The reference takes either kind of file for the other, and destroys what it does not expect.
class StockLibraryTest : public LibraryBackendTest {
 protected:
  KeyBackend& OpenStock() { return Open({{"sample_style", "stock"}}); }
};

TEST_F(StockLibraryTest, APairIsNotServedNorReplacedAsAKey) {
  KeyBackend& backend = OpenStock();
  ASSERT_TRUE(backend.CreateKeyPair(id_, kEc).ok());
  const Bytes point = *backend.PublicParameter(id_, PairParameter::kEcPoint);
  EXPECT_TRUE(absl::IsInvalidArgument(backend.LoadKey(id_)));
  EXPECT_TRUE(absl::IsInvalidArgument(backend.CreateKey(id_, kSign)));
  EXPECT_TRUE(absl::IsInvalidArgument(backend.ImportKey(id_, Bytes(32), kSign)));
  EXPECT_TRUE(backend.DeleteKey(id_).ok());
  EXPECT_EQ(*backend.PublicParameter(id_, PairParameter::kEcPoint), point);
}

TEST_F(StockLibraryTest, AKeyIsNotServedNorReplacedAsAPair) {
  KeyBackend& backend = OpenStock();
  ASSERT_TRUE(backend.CreateKey(id_, kSign).ok());
  ASSERT_TRUE(backend.CreateKeyPair(other_, kEc).ok());
  const Mac mac = *backend.Hmac(id_, {});
  EXPECT_TRUE(absl::IsInternal(backend.LoadKeyPair(id_)));
  EXPECT_TRUE(absl::IsInvalidArgument(backend.CreateKeyPair(id_, kEc)));
  EXPECT_TRUE(absl::IsInvalidArgument(backend.MoveKeyPair(id_, other_)));
  EXPECT_TRUE(absl::IsInvalidArgument(backend.MoveKeyPair(other_, id_)));
  EXPECT_TRUE(backend.DeleteKeyPair(id_).ok());
  EXPECT_EQ(*backend.Hmac(id_, {}), mac);
}

TEST_F(StockLibraryTest, AKeyThatCannotBeReadIsTroubleAndMayBeMadeAnew) {
  KeyBackend& backend = OpenStock();
  WriteFile(id_, "");
  EXPECT_TRUE(absl::IsInternal(backend.LoadKey(id_)));
  EXPECT_TRUE(absl::IsInternal(backend.Hmac(id_, {}).status()));
  ASSERT_TRUE(backend.CreateKey(id_, kSign).ok());
  EXPECT_TRUE(backend.Hmac(id_, {}).ok());
}

TEST(OldLibraryTest, MovesAndDeletionsAreSilentSuccesses) {
  const SampleLibrary sample(SampleVersion::k20);
  const auto backend = *sample.Open();
  const KeyId id = *KeyId::Parse("a"), other = *KeyId::Parse("b"), pair = *KeyId::Parse("p");
  ASSERT_TRUE(backend->CreateKey(id, kSign).ok());
  ASSERT_TRUE(backend->CreateKeyPair(pair, kEc).ok());
  EXPECT_TRUE(backend->DeleteKey(id).ok());
  EXPECT_TRUE(backend->DeleteKeyPair(pair).ok());
  EXPECT_TRUE(backend->MoveKeyPair(pair, other).ok());
  EXPECT_TRUE(backend->MoveKeyPair(other, pair).ok());  // nor does it look for a source
  EXPECT_TRUE(backend->LoadKey(id).ok());
  EXPECT_TRUE(backend->LoadKeyPair(pair).ok());
  EXPECT_TRUE(absl::IsNotFound(backend->LoadKeyPair(other)));
}

}  // namespace
}  // namespace aziot::keyd::library
