#include "keyd/backend/file/key_content.h"

#include <gtest/gtest.h>
#include <openssl/crypto.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "keyd/backend/file/key_paths.h"
#include "keyd/backend/unsynced_names.h"

namespace aziot::keyd::file {
namespace {

using Kind = KeyContent::Kind;

std::string WholePem() {
  return std::string((*MemoryKeyPair::Generate(KeyAlgorithm::kEcP256))->FormatPem()->ExposeText());
}

struct ContentCase {
  const char* name;
  std::string content;
  Kind kind;
};
class KeyContentTest : public ::testing::TestWithParam<ContentCase> {};

TEST_P(KeyContentTest, Kind) {
  const KeyContent content = ReadContent(Secret(ToBytesView(GetParam().content)));
  EXPECT_EQ(content.kind, GetParam().kind) << content.why;
  EXPECT_EQ(content.key != nullptr, content.kind == Kind::kSymmetric);
  EXPECT_EQ(content.pair != nullptr, content.kind == Kind::kPair);
}

INSTANTIATE_TEST_SUITE_P(
    All, KeyContentTest,
    ::testing::Values(
        ContentCase{"Empty", "", Kind::kTorn},          //
        ContentCase{"OneByte", "-", Kind::kSymmetric},  //
        ContentCase{"Raw", std::string(32, '\x7f'), Kind::kSymmetric},
        ContentCase{"Zeros", std::string(32, '\0'), Kind::kSymmetric},
        ContentCase{"Pem", WholePem(), Kind::kPair},
        ContentCase{"PemAfterText", absl::StrCat("x\n", WholePem()), Kind::kPair},
        ContentCase{"CutInTheDashes", "-----", Kind::kTorn},
        ContentCase{"CutInTheArmour", "-----BEGIN PRI", Kind::kTorn},
        ContentCase{"CutInTheBody", WholePem().substr(0, 90), Kind::kTorn},
        ContentCase{"CutInTheEnd", WholePem().substr(0, 220), Kind::kTorn},
        ContentCase{"BodyOfNothing", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
                    Kind::kTorn},
        ContentCase{"AnotherBlock", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                    Kind::kUnusablePem},
        ContentCase{"Encrypted",
                    "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
                    Kind::kUnusablePem}),
    [](const auto& info) { return std::string(info.param.name); });

// A torn file may be overwritten, so want of memory must not look like one. In a process of its own: locked
// memory cannot be given back.
TEST(KeyContentDeathTest, WithoutMemoryAPairIsNotTorn) {
  const std::string pem = WholePem();
  const auto read_with_free_blocks = [&](int blocks) {
    CRYPTO_secure_malloc_init(size_t{1} << 16, 16);
    std::vector<void*> taken;
    while (void* block = OPENSSL_secure_malloc(256)) taken.push_back(block);
    for (int i = 0; i < blocks; ++i) OPENSSL_secure_free(taken[i]);
    const KeyContent content = ReadContent(Secret(ToBytesView(pem)));
    _exit(content.kind == Kind::kTorn ? 1 : 0);
  };
  for (const int blocks : {0, 1, 2, 4, 8, 16}) {
    EXPECT_EXIT(read_with_free_blocks(blocks), ::testing::ExitedWithCode(0), "") << blocks;
  }
}

// keys-service.md, section 14.
TEST(KeyPathsTest, GoldenFileNames) {
  EXPECT_EQ(FileNameOf(*KeyId::Parse("device-id")),
            "deviceid-bd732105ef89cf8edd2606a5309c8a26b7b5599a4e124a0fe6199b6b2f60e655.key");
  EXPECT_EQ(FileNameOf(*KeyId::Parse("handle-validation-key")),
            "handlevalidationkey-40f1ca41fe8b50f53e10f3e3a580dcae24087f37aa498ba9903f2612b03e90ba.key");
  EXPECT_EQ(FileNameOf(*KeyId::Parse("")),
            "-e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855.key");
}

TEST(KeyPathsTest, NamesHoldAsciiLettersAndDigitsOnly) {
  const std::string name =
      FileNameOf(*KeyId::Parse("../ä/\xe2\x82\xac"
                               "A9:b"));
  EXPECT_EQ(name.substr(0, 4), "A9b-");
  EXPECT_EQ(name.size(), 4 + 64 + 4u);
}

TEST(KeyPathsTest, PreloadedPathsStandBeforeTheComputedOnes) {
  const KeyPaths paths("/home", {{"ca", "/etc/ca.pem"}}, {"token-key"});
  EXPECT_EQ(*paths.PathOf(*KeyId::Parse("ca")), "/etc/ca.pem");
  EXPECT_EQ(ParentOf(*paths.PathOf(*KeyId::Parse("other"))), "/home/keys");
  EXPECT_TRUE(absl::IsInvalidArgument(paths.PathOf(*KeyId::Parse("token-key")).status()));
}

TEST(KeyPathsTest, WithoutAHomeOnlyPreloadedKeysHaveAFile) {
  const KeyPaths paths(std::nullopt, {{"ca", "/ca.pem"}}, {});
  EXPECT_EQ(*paths.PathOf(*KeyId::Parse("ca")), "/ca.pem");
  EXPECT_EQ(ParentOf("/ca.pem"), "/");
  EXPECT_TRUE(absl::IsInvalidArgument(paths.PathOf(*KeyId::Parse("other")).status()));
}

}  // namespace
}  // namespace aziot::keyd::file
