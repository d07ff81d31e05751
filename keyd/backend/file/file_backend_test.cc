#include "keyd/backend/file/file_backend.h"

#include <gmock/gmock.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/bytes/hex.h"
#include "common/files/files.h"
#include "common/openssl/owned.h"
#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"
#include "keyd/backend/testing/key_backend_contract.h"

namespace aziot::keyd::testing {
namespace {

struct FileUnderTest final : BackendUnderTest {
  const aziot::testing::TempDir home;
  const std::unique_ptr<KeyBackend> file = *file::FileBackend::Open({.home = home.path()});
  KeyBackend& backend() override { return *file; }
};

INSTANTIATE_TEST_SUITE_P(File, KeyBackendContract,
                         ::testing::Values(ContractParameter{
                             "File", [] { return std::make_unique<FileUnderTest>(); }}),
                         ContractName);

}  // namespace
}  // namespace aziot::keyd::testing

namespace aziot::keyd::file {
namespace {

using aziot::testing::IsOk;
using aziot::testing::StatusIs;
using ::testing::HasSubstr;
constexpr KeyUsage kSign{.sign = true};
constexpr KeyAlgorithm kEc[] = {KeyAlgorithm::kEcP256};

class FileBackendTest : public ::testing::Test {
 protected:
  std::unique_ptr<FileBackend> Open() {
    return *FileBackend::Open({.home = dir_.path(), .preloaded = preloaded_});
  }
  std::string PathOf(const KeyId& id) const { return absl::StrCat(dir_.path(), "/keys/", FileNameOf(id)); }
  void Put(const std::string& path, absl::string_view content) {
    std::filesystem::create_directories(ParentOf(path));
    std::ofstream out(path, std::ios::binary);
    out.write(content.data(), static_cast<std::streamsize>(content.size()));
  }
  std::string Content(const std::string& path) { return files::Read(path).value_or("(absent)"); }
  static std::string Pem() {
    return std::string((*MemoryKeyPair::Generate(KeyAlgorithm::kEcP256))->FormatPem()->ExposeText());
  }

  const aziot::testing::TempDir dir_;
  std::map<std::string, std::string> preloaded_;
  const KeyId id_ = *KeyId::Parse("device-id");
  const KeyId other_ = *KeyId::Parse("device-id-temp");
  const KeyId ca_ = *KeyId::Parse("ca");
};

TEST_F(FileBackendTest, WritesWhatEveryReleaseReads) {
  const auto backend = Open();
  EXPECT_FALSE(files::Exists(dir_.Join("keys")));
  ASSERT_THAT(backend->ImportKey(id_, ToBytesView("raw"), kSign), IsOk());
  ASSERT_THAT(backend->CreateKeyPair(other_, kEc), IsOk());
  EXPECT_EQ(Content(PathOf(id_)), "raw");
  EXPECT_TRUE(absl::StartsWith(Content(PathOf(other_)), "-----BEGIN PRIVATE KEY-----\n"));
  ASSERT_THAT(backend->CreateKey(ca_, kSign), IsOk());
  EXPECT_EQ(Content(PathOf(ca_)).size(), 32u);
  for (const auto& entry : std::filesystem::directory_iterator(dir_.Join("keys"))) {
    struct stat facts {};
    ASSERT_EQ(stat(entry.path().c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 07777, 0600u) << entry.path();
  }
}

TEST_F(FileBackendTest, HomeAndStoreAreClosedToOthers) {
  const auto backend = *FileBackend::Open({.home = dir_.Join("var/keyd")});
  ASSERT_THAT(backend->CreateKey(id_, kSign), IsOk());
  for (const char* name : {"var/keyd", "var/keyd/keys"}) {
    struct stat facts {};
    ASSERT_EQ(stat(dir_.Join(name).c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 07777, 0700u) << name;
  }
}

TEST_F(FileBackendTest, ANewBackendUsesTheSameKeys) {
  const auto first = Open();
  ASSERT_THAT(first->CreateKey(id_, kSign), IsOk());
  ASSERT_THAT(first->CreateKeyPair(other_, kEc), IsOk());
  const auto second = Open();
  EXPECT_EQ(*second->Hmac(id_, {}), *first->Hmac(id_, {}));
  EXPECT_EQ(*second->PublicParameter(other_, PairParameter::kEcPoint),
            *first->PublicParameter(other_, PairParameter::kEcPoint));
}

// identity-service.md, section 6.4: the primary key of a module.
TEST_F(FileBackendTest, DerivesModuleKeys) {
  const auto backend = Open();
  Bytes master(32);
  for (size_t i = 0; i < master.size(); ++i) master[i] = static_cast<uint8_t>(i);
  const KeyId id = *KeyId::Parse("aziot_identityd_master_id");
  ASSERT_THAT(backend->ImportKey(id, master, kSign), IsOk());
  EXPECT_EQ(FormatHex(backend->Derive(id, ToBytesView("module:gen:primary"))->Expose()),
            "7aa0007cc23f8cf320dd2eca68885de4aab4e5ed72042899a9e594a5e35a1bf7");
}

// What each operation does with what it finds in the file: keys-service.md, sections 9 and 15.3.
struct FoundCase {
  const char* name;
  enum { kEmpty, kTornPem, kRaw, kZeros, kPem, kEncrypted } content;
  absl::StatusCode create_key, load_key, import_key, create_pair, load_pair;
};
using enum absl::StatusCode;

class FoundTest : public FileBackendTest, public ::testing::WithParamInterface<FoundCase> {
 protected:
  std::string Found() const {
    switch (GetParam().content) {
      case FoundCase::kEmpty:
        return "";
      case FoundCase::kTornPem:
        return Pem().substr(0, 100);
      case FoundCase::kRaw:
        return "a symmetric key";
      case FoundCase::kZeros:
        return std::string(241, '\0');
      case FoundCase::kPem:
        return Pem();
      case FoundCase::kEncrypted:
        return EncryptedPem();
    }
    return "";
  }
  static std::string EncryptedPem() {
    const openssl::PkeyPtr key(EVP_EC_gen("P-256"));
    const openssl::BioPtr out(BIO_new(BIO_s_mem()));
    PEM_write_bio_PKCS8PrivateKey(out.get(), key.get(), EVP_aes_256_cbc(), "secret", 6, nullptr, nullptr);
    char* text = nullptr;
    const long size = BIO_get_mem_data(out.get(), &text);
    return std::string(text, static_cast<size_t>(size));
  }
  // Runs `operation` on a fresh store; what it refuses it leaves as it was.
  template <class Operation>
  void Expect(absl::StatusCode code, Operation operation) {
    const std::string before = Found();
    Put(PathOf(id_), before);
    const absl::Status status = operation(*Open());
    EXPECT_EQ(status.code(), code) << status;
    if (!status.ok()) {
      EXPECT_EQ(Content(PathOf(id_)), before);
    }
  }
};

TEST_P(FoundTest, Operations) {
  const FoundCase& found = GetParam();
  Expect(found.create_key, [&](FileBackend& backend) { return backend.CreateKey(id_, kSign); });
  Expect(found.load_key, [&](FileBackend& backend) { return backend.LoadKey(id_); });
  Expect(found.import_key,
         [&](FileBackend& backend) { return backend.ImportKey(id_, ToBytesView("new"), kSign); });
  Expect(found.create_pair, [&](FileBackend& backend) { return backend.CreateKeyPair(id_, kEc); });
  Expect(found.load_pair, [&](FileBackend& backend) { return backend.LoadKeyPair(id_); });
}

TEST_P(FoundTest, WhatWasCreatedCanBeUsed) {
  if (GetParam().create_key == kOk) {
    Put(PathOf(id_), Found());
    const auto backend = Open();
    ASSERT_THAT(backend->CreateKey(id_, kSign), IsOk());
    EXPECT_THAT(backend->Hmac(id_, {}), IsOk());
  }
  if (GetParam().create_pair == kOk) {
    Put(PathOf(id_), Found());
    const auto backend = Open();
    ASSERT_THAT(backend->CreateKeyPair(id_, kEc), IsOk());
    EXPECT_THAT(backend->SignDigest(id_, Bytes(32, 1)), IsOk());
  }
}

TEST_P(FoundTest, DeletingTakesOnlyItsOwnKind) {
  const bool is_symmetric = GetParam().content == FoundCase::kRaw || GetParam().content == FoundCase::kZeros;
  const bool is_pem = GetParam().content == FoundCase::kPem || GetParam().content == FoundCase::kEncrypted;
  Put(PathOf(id_), Found());
  EXPECT_THAT(Open()->DeleteKey(id_), IsOk());
  EXPECT_EQ(files::Exists(PathOf(id_)), is_pem);
  Put(PathOf(id_), Found());
  EXPECT_THAT(Open()->DeleteKeyPair(id_), IsOk());
  EXPECT_EQ(files::Exists(PathOf(id_)), is_symmetric);
}

INSTANTIATE_TEST_SUITE_P(All, FoundTest,
                         ::testing::Values(
                             // create_key, load_key, import_key, create_pair, load_pair
                             FoundCase{"Empty", FoundCase::kEmpty, kOk, kInternal, kOk, kOk, kInternal},
                             FoundCase{"TornPem", FoundCase::kTornPem, kOk, kInternal, kOk, kOk, kInternal},
                             FoundCase{"Raw", FoundCase::kRaw, kOk, kOk, kOk, kInvalidArgument, kInternal},
                             FoundCase{"Zeros", FoundCase::kZeros, kOk, kOk, kOk, kOk, kInternal},
                             FoundCase{"Pem", FoundCase::kPem, kInvalidArgument, kInvalidArgument,
                                       kInvalidArgument, kOk, kOk},
                             FoundCase{"Encrypted", FoundCase::kEncrypted, kInvalidArgument, kInvalidArgument,
                                       kInvalidArgument, kInternal, kInternal}),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_F(FileBackendTest, BytesThatWouldBeReadAsAPairAreNotImported) {
  const auto backend = Open();
  for (const std::string& bytes : {Pem(), Pem().substr(0, 100), std::string("-----")}) {
    EXPECT_THAT(backend->ImportKey(id_, ToBytesView(bytes), kSign), StatusIs(kInvalidArgument));
    EXPECT_FALSE(files::Exists(PathOf(id_)));
  }
}

TEST_F(FileBackendTest, AMoveDoesNotTakeOrReplaceASymmetricKey) {
  Put(PathOf(id_), "raw");
  Put(PathOf(other_), Pem());
  const auto backend = Open();
  EXPECT_THAT(backend->MoveKeyPair(other_, id_), StatusIs(kInvalidArgument));
  EXPECT_THAT(backend->MoveKeyPair(id_, other_), StatusIs(kInvalidArgument));
  EXPECT_EQ(Content(PathOf(id_)), "raw");
}

TEST_F(FileBackendTest, AMoveReplacesTheFile) {
  const std::string fresh = Pem();
  Put(PathOf(id_), Pem());
  Put(PathOf(other_), fresh);
  EXPECT_THAT(Open()->MoveKeyPair(other_, id_), IsOk());
  EXPECT_EQ(Content(PathOf(id_)), fresh);
  EXPECT_FALSE(files::Exists(PathOf(other_)));
}

TEST_F(FileBackendTest, UnfinishedWritesAreClearedAtTheStart) {
  // A child that dies between writing and renaming leaves its temporary file.
  ASSERT_THAT(Open()->CreateKeyPair(id_, kEc), IsOk());
  const std::string before = Content(PathOf(id_));
  const std::string leftover = dir_.Join(absl::StrCat("keys/.", FileNameOf(id_), ".tmp-0123456789abcdef"));
  Put(leftover, before.substr(0, 50));
  const auto backend = Open();
  EXPECT_FALSE(files::Exists(leftover));
  EXPECT_EQ(Content(PathOf(id_)), before);
  EXPECT_THAT(backend->SignDigest(id_, Bytes(32, 1)), IsOk());
}

TEST_F(FileBackendTest, ChangesByOthersAreSeenAtOnce) {
  const auto backend = Open();
  ASSERT_THAT(backend->ImportKey(id_, ToBytesView("one"), kSign), IsOk());
  const Mac one = *backend->Hmac(id_, {});
  Put(PathOf(id_), "two");
  const Mac two = *backend->Hmac(id_, {});
  EXPECT_NE(one, two);
  ASSERT_THAT(files::Replace(PathOf(id_), "one", 0600), IsOk());
  EXPECT_EQ(*backend->Hmac(id_, {}), one);
  std::filesystem::remove(PathOf(id_));
  EXPECT_THAT(backend->Hmac(id_, {}), StatusIs(kNotFound));
}

TEST_F(FileBackendTest, AKeyInMemoryNeedsNoFile) {
  const auto backend = Open();
  ASSERT_THAT(backend->ImportKey(id_, ToBytesView("one"), kSign), IsOk());
  ASSERT_THAT(backend->Hmac(id_, {}), IsOk());
  // Nothing under this name can be opened any more; renaming the home directory is no event of the key's own
  // directory.
  std::filesystem::rename(dir_.path(), dir_.path() + "-away");
  const auto mac = backend->Hmac(id_, {});
  std::filesystem::rename(dir_.path() + "-away", dir_.path());
  EXPECT_THAT(mac, IsOk());
}

TEST_F(FileBackendTest, PreloadedFilesStandForTheirKeys) {
  const std::string path = dir_.Join("etc/ca.pem");
  Put(path, Pem());
  preloaded_["ca"] = path;
  const auto backend = Open();
  EXPECT_THAT(backend->SignDigest(ca_, Bytes(32, 1)), IsOk());
  EXPECT_THAT(backend->CreateKeyPair(ca_, kEc), IsOk());
  EXPECT_FALSE(files::Exists(PathOf(ca_)));

  const std::string fresh = Pem();
  Put(path, fresh);
  ASSERT_THAT(backend->MoveKeyPair(ca_, id_), IsOk());
  EXPECT_EQ(Content(PathOf(id_)), fresh);
  EXPECT_FALSE(files::Exists(path));
  ASSERT_THAT(backend->CreateKeyPair(ca_, kEc), IsOk());
  EXPECT_TRUE(files::Exists(path));
  ASSERT_THAT(backend->DeleteKeyPair(ca_), IsOk());
  EXPECT_FALSE(files::Exists(path));
}

TEST_F(FileBackendTest, APreloadedLinkFollowsItsTarget) {
  const std::string path = dir_.Join("etc/key");
  Put(dir_.Join("one"), "one");
  Put(dir_.Join("two"), "two");
  std::filesystem::create_directories(dir_.Join("etc"));
  std::filesystem::create_symlink(dir_.Join("one"), path);
  preloaded_["ca"] = path;
  const auto backend = Open();
  const Mac one = *backend->Hmac(ca_, {});
  std::filesystem::remove(path);
  std::filesystem::create_symlink(dir_.Join("two"), path);
  EXPECT_NE(*backend->Hmac(ca_, {}), one);
}

TEST_F(FileBackendTest, WithoutAHomeEveryOperationIsTheCallersMistake) {
  const auto backend = *FileBackend::Open({});
  EXPECT_THAT(backend->CreateKey(id_, kSign), StatusIs(kInvalidArgument, HasSubstr("no way to create keys")));
  EXPECT_THAT(backend->CreateKeyPair(id_, kEc), StatusIs(kInvalidArgument));
  EXPECT_THAT(backend->LoadKey(id_), StatusIs(kInvalidArgument));
  EXPECT_THAT(backend->DeleteKey(id_), StatusIs(kInvalidArgument));
  EXPECT_THAT(backend->Hmac(id_, {}), StatusIs(kInvalidArgument));
}

TEST_F(FileBackendTest, DiskTroubleIsInternal) {
  preloaded_["ca"] = dir_.Join("missing/ca.pem");
  Put(dir_.Join("keys"), "a file where the directory should be");
  const auto backend = Open();
  EXPECT_THAT(backend->CreateKey(ca_, kSign), StatusIs(kInternal));
  EXPECT_FALSE(backend->CreateKey(id_, kSign).ok());
  EXPECT_THAT(backend->CreateKey(id_, kSign), ::testing::Not(StatusIs(kInvalidArgument)));
  EXPECT_THAT(backend->CreateKey(id_, kSign), ::testing::Not(StatusIs(kNotFound)));
}

TEST_F(FileBackendTest, AnIdTooLongForAFileNameIsInternal) {
  const auto backend = Open();
  EXPECT_THAT(backend->CreateKey(*KeyId::Parse(std::string(186, 'a')), kSign), IsOk());
  EXPECT_THAT(backend->CreateKey(*KeyId::Parse(std::string(187, 'a')), kSign), StatusIs(kInternal));
}

TEST_F(FileBackendTest, Lanes) {
  const auto backend = Open();
  EXPECT_EQ(backend->LaneOf(id_, Operation::kCreateKey), Lane::Peers());
  EXPECT_EQ(backend->LaneOf(id_, Operation::kCreateEcPair), Lane::Peers());
  EXPECT_EQ(backend->LaneOf(id_, Operation::kCreateRsaPair), Lane::Cpu());
  EXPECT_EQ(backend->LaneOf(id_, Operation::kRsa), Lane::Cpu());
  EXPECT_EQ(backend->LaneOf(id_, Operation::kDelete), Lane::Peers());
  EXPECT_EQ(backend->LaneOf(id_, Operation::kMove), Lane::Peers());
  EXPECT_EQ(backend->LaneOf(id_, Operation::kImportKey), Lane::Peers());
  for (const Operation quick : {Operation::kLoad, Operation::kHmac, Operation::kAead, Operation::kEcdsa}) {
    EXPECT_TRUE(backend->LaneOf(id_, quick).is_inline());
  }
  ASSERT_THAT(backend->CreateKeyPair(id_, kEc), IsOk());
  ASSERT_THAT(backend->LoadKeyPair(id_), IsOk());
  EXPECT_TRUE(backend->LaneOf(id_, Operation::kCreateEcPair).is_inline());
  std::filesystem::remove(PathOf(id_));
  EXPECT_EQ(backend->LaneOf(id_, Operation::kCreateRsaPair), Lane::Cpu());
}

TEST_F(FileBackendTest, ReadersMeetTheOldKeyOrTheNewOneDuringReplacements) {
  const auto backend = Open();
  ASSERT_THAT(backend->ImportKey(id_, ToBytesView("one"), kSign), IsOk());
  const Mac one = *backend->Hmac(id_, {});
  ASSERT_THAT(backend->ImportKey(id_, ToBytesView("two"), kSign), IsOk());
  const Mac two = *backend->Hmac(id_, {});
  std::thread writer([&] {
    for (int i = 0; i < 50; ++i) {
      ASSERT_THAT(backend->ImportKey(id_, ToBytesView(i % 2 ? "two" : "one"), kSign), IsOk());
    }
  });
  for (int i = 0; i < 500; ++i) {
    const auto mac = backend->Hmac(id_, {});
    ASSERT_THAT(mac, IsOk());
    ASSERT_THAT(*mac, ::testing::AnyOf(one, two));
  }
  writer.join();
  EXPECT_EQ(*backend->Hmac(id_, {}), two);
}

}  // namespace
}  // namespace aziot::keyd::file
