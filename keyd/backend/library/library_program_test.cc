// The real program over the sample library, asked as clients ask.
#include <gmock/gmock.h>

#include "absl/strings/match.h"
#include "keyd/backend/library/testing/sample_library.h"
#include "keyd/program_fixture.h"

namespace aziot::keyd {
namespace {

using library::SampleLibrary;
using library::SampleVersion;

constexpr char kVersion[] = "?api-version=2021-05-01";

class LibraryProgramTest : public KeydProgramTest {
 protected:
  // `parameters` are further lines of [aziot_keys].
  void ConfigureLibrary(const std::string& path, const std::string& parameters = "") {
    Configure("config.d/library.toml",
              absl::StrCat("key_library = \"", path, "\"\n[aziot_keys]\n", parameters, "\n"));
  }
  void StartOver(const std::string& path, const std::string& parameters = "") {
    ConfigureLibrary(path, parameters);
    Start();
  }
  Answer Post(const std::string& path, const Json& body) {
    return Ask("POST", absl::StrCat("/", path, kVersion), body.dump());
  }
  Answer Delete(const std::string& path, const std::string& handle) {
    return Ask("DELETE", absl::StrCat("/", path, kVersion), Json{{"keyHandle", handle}}.dump());
  }
  Answer Get(const std::string& path) { return Ask("GET", absl::StrCat("/", path, kVersion)); }
  bool HasKeyFiles() const {
    return std::filesystem::exists(root_.Join("var/lib/aziot/keyd/keys"));  // of keyd's own store
  }
};

struct VersionCase {
  SampleVersion version;
  bool deletes;
};
class EveryLibraryTest : public LibraryProgramTest, public ::testing::WithParamInterface<VersionCase> {};

TEST_P(EveryLibraryTest, KeysAreMadeUsedAndDeleted) {
  StartOver(SampleLibrary::PathOf(GetParam().version));
  const std::string key =
      Post("key", {{"keyId", "k"},
                   {"usage", "sign"},
                   {"keyBytes", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}})["keyHandle"];
  const std::string pair = Post("keypair", {{"keyId", "p"}})["keyHandle"];
  const std::string secret = Post("key", {{"keyId", "s"}, {"usage", "encrypt"}})["keyHandle"];
  ASSERT_NE(key, "");
  ASSERT_NE(pair, "");
  ASSERT_NE(secret, "");
  EXPECT_FALSE(HasKeyFiles());

  const std::string derived = Post(
      "derivedkey", {{"baseKeyHandle", key}, {"derivationData", "bW9kdWxlOmdlbjpwcmltYXJ5"}})["keyHandle"];
  // keys-service.md, section 14.
  EXPECT_EQ(Post("derivedkey/export", {{"keyHandle", derived}})["key"],
            "eqAAfMI/jPMg3S7KaIhd5Kq05e1yBCiZqeWUpeNaG/c=");
  EXPECT_EQ(Ask("POST", absl::StrCat("/sign", kVersion), SignBody(derived))["signature"],
            "XiSLtnTl5cPxPFqaDW1QveTF8ssatzph3MM1RCd+5Ew=");
  EXPECT_EQ(Post("parameters/algorithm", {{"keyHandle", pair}})["value"], "ECDSA");
  EXPECT_EQ(Post("parameters/ec-curve-oid", {{"keyHandle", pair}})["value"], "BggqhkjOPQMBBw==");
  EXPECT_EQ(Post("parameters/rsa-modulus", {{"keyHandle", pair}}).status, 400);
  EXPECT_EQ(Post("sign", {{"keyHandle", pair}, {"algorithm", "ECDSA"}, {"parameters", {{"digest", "AAAA"}}}})
                .status,
            200);
  const Json aead = {{"iv", "AAAAAAAAAAAAAAAA"}, {"aad", ""}};
  const std::string blob = Post(
      "encrypt",
      {{"keyHandle", secret}, {"algorithm", "AEAD"}, {"parameters", aead}, {"plaintext", ""}})["ciphertext"];
  EXPECT_EQ(Post("decrypt",
                 {{"keyHandle", secret}, {"algorithm", "AEAD"}, {"parameters", aead}, {"ciphertext", blob}})
                .body,
            R"({"plaintext":""})");

  EXPECT_EQ(Post("keypair/q", {{"from", "p"}}).status, 204);
  EXPECT_EQ(Get("keypair/q").status, GetParam().deletes ? 200 : 400);
  EXPECT_EQ(Get("keypair/p").status, GetParam().deletes ? 400 : 200);
  EXPECT_EQ(Delete("key", key).status, 204);
  EXPECT_EQ(Get("key/k").status, GetParam().deletes ? 400 : 200);
}

TEST_P(EveryLibraryTest, HandlesOutliveTheProgram) {
  StartOver(SampleLibrary::PathOf(GetParam().version));
  EXPECT_EQ(Get("key/absent").status, 400);
  const std::string handle = Post("key", {{"keyId", "k"}, {"usage", "sign"}})["keyHandle"];
  const std::string body = SignBody(handle);
  const std::string before = Ask("POST", absl::StrCat("/sign", kVersion), body)["signature"];
  ASSERT_NE(before, "");
  ASSERT_EQ(Stop(), 0);
  Start();
  EXPECT_EQ(Ask("POST", absl::StrCat("/sign", kVersion), body)["signature"], before);
}

INSTANTIATE_TEST_SUITE_P(Both, EveryLibraryTest,
                         ::testing::Values(VersionCase{SampleVersion::k20, false},
                                           VersionCase{SampleVersion::k21, true}),
                         [](const auto& info) { return info.param.deletes ? "Version21" : "Version20"; });

TEST_F(LibraryProgramTest, ParametersAreGivenSortedAndThenPreloadedKeys) {
  const std::string bound = root_.Join("var/lib/aziot/keyd/ca.key");
  Configure("config.d/preloaded.toml", absl::StrCat("[preloaded_keys]\nca = \"file://", bound, "\"\n"));
  StartOver(SampleLibrary::PathOf(SampleVersion::k21), "sample_bound = \"exact\"\nsample_style = \"stock\"");
  EXPECT_EQ(Post("keypair", {{"keyId", "ca"}}).status, 200);
  EXPECT_TRUE(std::filesystem::exists(bound));
}

// A start that fails says why, as it does for keyd's own parameters.
TEST_F(LibraryProgramTest, WhatIsNoLibraryIsSaidByName) {
  ConfigureLibrary("/usr/lib/no-such-library.so");
  Spawn();
  EXPECT_NE(Wait(), 0);
  EXPECT_TRUE(absl::StrContains(Log(), "key_library /usr/lib/no-such-library.so cannot be used")) << Log();
}

TEST_F(LibraryProgramTest, AParameterTheLibraryRefusesIsSaidByName) {
  ConfigureLibrary(SampleLibrary::PathOf(SampleVersion::k21), "some_option = \"hidden\"");
  Spawn();
  EXPECT_NE(Wait(), 0);
  EXPECT_TRUE(absl::StrContains(Log(), "set_parameter(\"some_option\") returned 1")) << Log();
  EXPECT_FALSE(absl::StrContains(Log(), "hidden"));
}

// Neither a library that ends its process nor one that wrote past its buffer takes keyd with it.
TEST_F(LibraryProgramTest, ALibraryThatEndsItsProcessEndsNotKeyd) {
  StartOver(SampleLibrary::PathOf(SampleVersion::k21), "sample_fault = \"abort\"");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Post("key", {{"keyId", "k"}, {"usage", "sign"}}).status, 500);
    EXPECT_EQ(Ask("GET", "/live").status, 200);
  }
  EXPECT_TRUE(absl::StrContains(Log(), "SIGABRT")) << Log();
}

TEST_F(LibraryProgramTest, ALibraryThatWroteTooMuchIsStartedAnew) {
  StartOver(SampleLibrary::PathOf(SampleVersion::k21));
  ASSERT_EQ(Post("key", {{"keyId", "k"}, {"usage", "sign"}}).status, 200);
  ASSERT_EQ(Stop(), 0);
  StartOver(SampleLibrary::PathOf(SampleVersion::k21), "sample_fault = \"long_output\"");
  EXPECT_EQ(Get("key/k").status, 500);  // its handle cannot be signed
  EXPECT_TRUE(absl::StrContains(Log(), "says it wrote 40 bytes where there was room for 39")) << Log();
  EXPECT_EQ(Ask("GET", "/live").status, 200);
}

}  // namespace
}  // namespace aziot::keyd
