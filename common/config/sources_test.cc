// Main file and drop-ins: which are read, in what order, and how they merge.
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "aziot/config/v1/certd.pb.h"
#include "aziot/config/v1/keyd.pb.h"
#include "aziot/config/v1/toml.pb.h"
#include "common/config/config.h"
#include "common/testing/temp_dir.h"

namespace aziot::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SourcesTest : public ::testing::Test {
 protected:
  SourcesTest() { std::filesystem::create_directory(Path("config.d")); }

  void Write(const std::string& name, const std::string& text) { std::ofstream(Path(name)) << text; }
  std::string Path(const std::string& name) const { return root_.Join(name); }
  auto Load(google::protobuf::Message& message) {
    return config::Load({Path("config.toml"), Path("config.d")}, message);
  }

  aziot::testing::TempDir root_;
};

TEST_F(SourcesTest, NothingThereIsAnEmptyTable) {
  std::filesystem::remove(Path("config.d"));
  v1::Keyd keyd;
  const auto warnings = Load(keyd);
  ASSERT_TRUE(warnings.ok()) << warnings.status();
  EXPECT_EQ(keyd.ByteSizeLong(), 0u);

  v1::Certd certd;
  EXPECT_EQ(Load(certd).status().message(),
            Path("config.toml") + ": homedir_path: missing; expected a string");
}

TEST_F(SourcesTest, LaterFilesMergeTablesAppendArraysAndReplaceTheRest) {
  Write("config.toml",
        "max_requests = 1\n[aziot_keys]\nb = '1'\nc = '1'\n[[principal]]\nuid = 1\nkeys = ['x']\n");
  Write("config.d/10.toml", "[aziot_keys]\nc = '10'\na = '10'\n[[principal]]\nuid = 10\n");
  Write("config.d/2.toml", "max_requests = 2\n[aziot_keys]\nc = '2'\n[[principal]]\nuid = 2\n");
  v1::Keyd keyd;
  const auto warnings = Load(keyd);
  ASSERT_TRUE(warnings.ok()) << warnings.status();
  EXPECT_EQ(keyd.max_requests(), 2u);
  EXPECT_EQ(keyd.aziot_keys().at("a"), "10");
  EXPECT_EQ(keyd.aziot_keys().at("b"), "1");
  EXPECT_EQ(keyd.aziot_keys().at("c"), "2");  // "10.toml" comes before "2.toml" in byte order
  ASSERT_EQ(keyd.principal_size(), 3);
  EXPECT_EQ(keyd.principal(1).uid(), 10u);
  EXPECT_EQ(keyd.principal(2).uid(), 2u);
}

TEST_F(SourcesTest, MergesBelowIdsAndReplacesOtherTypes) {
  Write("config.toml",
        "homedir_path = 'd'\n[cert_issuance.x]\nmethod = 'est'\nsubject = { CN = 'a' }\n"
        "[preloaded_certs]\nlist = ['a']\ntext = 'file:///a'\n");
  Write("config.d/a.toml",
        "[cert_issuance.x]\nmethod = 'self_signed'\nsubject.O = 'o'\n[preloaded_certs]\nlist = ['b']\ntext = "
        "['c']\n");
  v1::Certd certd;
  const auto warnings = Load(certd);
  ASSERT_TRUE(warnings.ok()) << warnings.status();
  EXPECT_EQ(certd.cert_issuance().entries().at("x").method(), "self_signed");
  EXPECT_EQ(certd.cert_issuance().entries().at("x").subject().at("CN"), "a");
  EXPECT_EQ(certd.cert_issuance().entries().at("x").subject().at("O"), "o");
  EXPECT_THAT(certd.preloaded_certs().at("list").ids(), ElementsAre("a", "b"));
  EXPECT_EQ(certd.preloaded_certs().at("text").uri(), "");
  EXPECT_THAT(certd.preloaded_certs().at("text").ids(), ElementsAre("c"));
}

TEST_F(SourcesTest, ErrorsAndWarningsNameTheFileAValueCameFrom) {
  Write("config.toml", "[aziot_keys]\nhomedir_path = 'x'\n");
  Write("config.d/a.toml", "# one\n[aziot_keys]\nhomedir_path = 5\n");
  v1::Keyd keyd;
  EXPECT_EQ(Load(keyd).status().message(),
            Path("config.d/a.toml") + ":3: aziot_keys.homedir_path: expected a string, found an integer");

  Write("config.d/a.toml", "\n\nmax_request = 5\n");
  const auto warnings = Load(keyd);
  ASSERT_TRUE(warnings.ok()) << warnings.status();
  EXPECT_THAT(*warnings, ElementsAre(Path("config.d/a.toml") + ":3: unknown key max_request is ignored"));

  Write("config.d/b.toml", "\nmax_requests\n");
  EXPECT_THAT(std::string(Load(keyd).status().message()),
              ::testing::StartsWith("could not read config from " + Path("config.d/b.toml") +
                                    "\ncaused by: " + Path("config.d/b.toml") + ":2:"));
}

TEST_F(SourcesTest, OnlyRegularFilesNamedTomlAreRead) {
  Write("config.d/a.toml.bak", "max_requests = 5");
  Write("config.d/a.TOML", "max_requests = 5");
  Write("config.d/.toml", "max_requests = 5");
  Write("config.d/toml", "max_requests = 5");
  Write("real", "max_requests = 5");
  std::filesystem::create_symlink(Path("real"), Path("config.d/link.toml"));
  std::filesystem::create_directory(Path("config.d/sub.toml"));
  Write("config.d/sub.toml/x.toml", "max_requests = 5");
  v1::Keyd keyd;
  const auto warnings = Load(keyd);
  ASSERT_TRUE(warnings.ok()) << warnings.status();
  EXPECT_FALSE(keyd.has_max_requests());
  EXPECT_THAT(*warnings, ElementsAre(Path("config.d/link.toml") + ": skipped, not a regular file",
                                     Path("config.d/sub.toml") + ": skipped, not a regular file"));
}

TEST_F(SourcesTest, WhatCannotBeReadIsAnErrorWithItsCause) {
  std::filesystem::create_directory(Path("config.toml"));
  v1::Keyd keyd;
  const auto warnings = Load(keyd);
  EXPECT_THAT(std::string(warnings.status().message()),
              ::testing::StartsWith("could not read config from " + Path("config.toml") + "\ncaused by: "));

  std::filesystem::remove(Path("config.toml"));
  std::filesystem::remove(Path("config.d"));
  Write("config.d", "");
  EXPECT_THAT(std::string(Load(keyd).status().message()),
              HasSubstr("could not read config from " + Path("config.d")));
}

// The option stands on fields of the TPM service's configuration alone, so the test makes a message of its
// own.
class ByteArrayTest : public SourcesTest {
 protected:
  ByteArrayTest() : pool_(google::protobuf::DescriptorPool::generated_pool()) {
    google::protobuf::FileDescriptorProto file;
    file.set_name("byte_array_test.proto");
    file.add_dependency("aziot/config/v1/toml.proto");
    google::protobuf::DescriptorProto& type = *file.add_message_type();
    type.set_name("Test");
    google::protobuf::FieldDescriptorProto& field = *type.add_field();
    field.set_name("tcti");
    field.set_number(1);
    field.set_type(google::protobuf::FieldDescriptorProto::TYPE_STRING);
    field.set_label(google::protobuf::FieldDescriptorProto::LABEL_OPTIONAL);
    field.mutable_options()->SetExtension(v1::byte_array, true);
    type_ = pool_.BuildFile(file)->message_type(0);
    message_.reset(factory_.GetPrototype(type_)->New());
  }

  std::string Tcti() const { return message_->GetReflection()->GetString(*message_, type_->field(0)); }

  google::protobuf::DescriptorPool pool_;
  google::protobuf::DynamicMessageFactory factory_;
  const google::protobuf::Descriptor* type_;
  std::unique_ptr<google::protobuf::Message> message_;
};

TEST_F(ByteArrayTest, TextMayBeAnArrayOfBytesThatIsReplacedAsAWhole) {
  Write("config.toml", "tcti = [115, 119]");
  ASSERT_TRUE(Load(*message_).ok());
  EXPECT_EQ(Tcti(), "sw");

  Write("config.d/a.toml", "tcti = [100, 101, 118]");
  ASSERT_TRUE(Load(*message_).ok());
  EXPECT_EQ(Tcti(), "dev");

  Write("config.d/b.toml", "tcti = 'device'");
  ASSERT_TRUE(Load(*message_).ok());
  EXPECT_EQ(Tcti(), "device");

  Write("config.d/c.toml", "tcti = [0]");
  EXPECT_EQ(Load(*message_).status().message(),
            Path("config.d/c.toml") + ":1: tcti: expected a string or an array of byte values (1 to 255)");
}

}  // namespace
}  // namespace aziot::config
