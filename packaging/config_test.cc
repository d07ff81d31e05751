// The configuration files that are installed must be read without a warning, with and without their examples:
// people copy from them.
#include "common/config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cctype>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "aziot/config/v1/certd.pb.h"
#include "aziot/config/v1/identityd.pb.h"
#include "aziot/config/v1/keyd.pb.h"
#include "aziot/config/v1/super.pb.h"
#include "aziot/config/v1/tpmd.pb.h"
#include "common/testing/status_matchers.h"

namespace aziot {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string ReadSource(absl::string_view name) {
  const char* source = std::getenv("AZIOT_SOURCE_DIR");
  std::ifstream in(absl::StrCat(source == nullptr ? "." : source, "/packaging/config/", name));
  EXPECT_TRUE(in.good()) << name;
  return {std::istreambuf_iterator<char>(in), {}};
}

bool IsExample(absl::string_view line) {
  return line == "#" || (line.size() > 1 && line[0] == '#' &&
                         (std::islower(static_cast<unsigned char>(line[1])) || line[1] == '['));
}

// `text` with the examples in force.
std::string WithExamples(absl::string_view text) {
  std::string result;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    absl::StrAppend(&result, IsExample(line) ? line.substr(1) : line, "\n");
  }
  return result;
}

void ExpectReads(absl::string_view text, google::protobuf::Message& message) {
  const auto warnings = config::LoadText("file", text, message);
  ASSERT_THAT(warnings, testing::IsOk()) << text;
  EXPECT_THAT(*warnings, IsEmpty()) << text;
}

TEST(InstalledConfig, SamplesOfTheDaemonsAreRead) {
  config::v1::Keyd keyd;
  ExpectReads(ReadSource("keyd/config.toml.default"), keyd);
  EXPECT_THAT(keyd.aziot_keys(), SizeIs(1));
  ExpectReads(WithExamples(ReadSource("keyd/config.toml.default")), keyd);
  EXPECT_THAT(keyd.preloaded_keys(), SizeIs(1));
  EXPECT_THAT(keyd.principal(), SizeIs(1));
  EXPECT_EQ(keyd.limits().connections(), 4096u);

  config::v1::Certd certd;
  ExpectReads(ReadSource("certd/config.toml.default"), certd);
  ExpectReads(WithExamples(ReadSource("certd/config.toml.default")), certd);
  EXPECT_THAT(certd.cert_issuance().entries(), SizeIs(2));
  EXPECT_THAT(certd.preloaded_certs(), SizeIs(3));
  EXPECT_THAT(certd.principal(), SizeIs(1));

  config::v1::Identityd identityd;
  ExpectReads(ReadSource("identityd/config.toml.default"), identityd);
  EXPECT_EQ(identityd.provisioning().attestation().registration_id().cn(), "my-device");
  ExpectReads(WithExamples(ReadSource("identityd/config.toml.default")), identityd);
  EXPECT_THAT(identityd.principal(), SizeIs(1));
  EXPECT_EQ(identityd.localid().domain(), "example.local");

  config::v1::Tpmd tpmd;
  ExpectReads(ReadSource("tpmd/config.toml.default"), tpmd);
  EXPECT_EQ(tpmd.ByteSizeLong(), 0u);
  ExpectReads(WithExamples(ReadSource("tpmd/config.toml.default")), tpmd);
  EXPECT_EQ(tpmd.tcti(), "device");
  EXPECT_EQ(tpmd.auth_key_index(), 0x000100u);
  EXPECT_EQ(tpmd.limits().connections(), 4096u);
}

TEST(InstalledConfig, EveryPartOfTheTemplateIsRead) {
  const std::string text = ReadSource("config.toml.template");
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    EXPECT_TRUE(line.empty() || line[0] == '#') << "nothing is in force before it is edited: " << line;
  }
  const std::vector<std::string> parts = absl::StrSplit(text, "# ====");
  ASSERT_GT(parts.size(), 2u);
  int provisionings = 0;
  for (size_t i = 1; i < parts.size(); ++i) {
    std::string part = absl::StrCat("# ====", WithExamples(parts[i]));
    if (absl::StrContains(part, "\n[provisioning]\n")) {
      ++provisionings;
    } else {
      absl::StrAppend(&part, "\n[provisioning]\nsource = 'none'\n");
    }
    config::v1::Super super;
    ExpectReads(part, super);
    EXPECT_GT(super.ByteSizeLong(), 0u);
  }
  EXPECT_EQ(provisionings, 4);
}

}  // namespace
}  // namespace aziot
