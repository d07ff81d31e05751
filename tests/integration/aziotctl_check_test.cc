// `aziotctl check` against the real daemons of a private root: what the services say, streamed as IoT Edge's
// own command reads it, and the exit status.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/files/files.h"
#include "common/testing/test_ca.h"
#include "tests/support/suite.h"

namespace aziot::tests {
namespace {

using Json = nlohmann::json;
using ::testing::HasSubstr;

// Checks of this machine, its clock and the cloud are tested elsewhere.
constexpr char kOutside[] =
    "hostname aziot-version host-local-time host-connect-iothub-amqp host-connect-iothub-https "
    "host-connect-iothub-mqtt host-connect-dps-endpoint";

// The concatenated objects of a stream.
std::vector<Json> Objects(const std::string& stream) {
  std::vector<Json> objects;
  size_t begin = 0;
  int depth = 0;
  bool text = false;
  for (size_t i = 0; i < stream.size(); ++i) {
    if (stream[i] == '"' && stream[i - 1] != '\\') text = !text;
    if (text) continue;
    if (stream[i] == '{' && depth++ == 0) begin = i;
    if (stream[i] == '}' && --depth == 0) objects.push_back(Json::parse(stream.substr(begin, i + 1 - begin)));
  }
  return objects;
}

class CheckTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Put("etc/aziot/config.toml",
        "provisioning = { source = 'none' }\n[cert_issuance.local_ca]\ncert = 'file://" + Join("ca.pem") +
            "'\npk = 'file://" + Join("ca.key.pem") + "'\n[preloaded_keys]\nsymmetric = 'file://" +
            Join("symmetric") + "'\nweak = 'file://" + Join("weak.key.pem") +
            "'\n[preloaded_certs]\nbundle = ['local-ca']\n",
        0600);
    const testing::Issued ca = LongLived();
    Put("ca.pem", ca.certificate, 0644);
    Put("ca.key.pem", ca.private_key, 0644);
    Put("symmetric", "0123456789abcdef", 0644);
    ASSERT_EQ(RunCommand("openssl genrsa -traditional 1024 2>/dev/null >" + Join("weak.key.pem") +
                         " && chmod 644 " + Join("weak.key.pem"))
                  .status,
              0);
    const Output applied = suite_.Aziotctl("config apply 2>&1");
    ASSERT_EQ(applied.status, 0) << applied.text;
  }
  static testing::Issued LongLived() {
    return testing::TestCa().IssueServer("ca", {"DNS:ca"}, {.until = absl::Now() + absl::Hours(24 * 30)});
  }
  void Start() {
    suite_.StartKeyd();
    suite_.StartCertd();
    suite_.StartIdentityd();
    ASSERT_TRUE(Eventually([&] { return suite_.IsReady("identityd"); })) << suite_.identityd().Log();
  }
  std::string Join(const std::string& name) { return suite_.root().Join(name); }
  void Put(const std::string& name, const std::string& text, mode_t mode) {
    ASSERT_TRUE(files::Replace(Join(name), text, mode).ok());
  }
  // The results of one run, by id; the exit status in `status_`.
  std::map<std::string, Json> Check(const std::string& options = "") {
    const Output output =
        suite_.Aziotctl(absl::StrCat("check -o json-stream --dont-run '", kOutside, "' ", options));
    status_ = output.status;
    std::map<std::string, Json> results;
    for (const Json& object : Objects(output.text)) {
      if (object.at("kind") == "check") results[object.at("id")] = object.at("result");
    }
    return results;
  }
  static std::string Details(const Json& result) {
    return absl::StrJoin(result.value("details", std::vector<std::string>()), "\n");
  }

  Suite suite_;
  int status_ = -1;
};

TEST_F(CheckTest, ReadsKeysAndCertificatesThroughTheServices) {
  Start();
  auto results = Check();
  EXPECT_EQ(status_, 0);
  EXPECT_EQ(results.size(), 24u);
  for (const char* id :
       {"keyd-running", "certd-running", "identityd-running", "certs-preloaded", "certs-read",
        "est-server-https", "certs-match-private-keys", "configs-up-to-date"}) {
    EXPECT_EQ(results[id].at("result"), "ok") << id << results[id];
  }
  EXPECT_EQ(results["tpmd-running"].at("result"), "ignored");
  EXPECT_EQ(results["hostname"].at("result"), "ignored");
  EXPECT_EQ(results["key-pairs-read"].at("result"), "warning");
  EXPECT_THAT(Details(results["key-pairs-read"]), HasSubstr("key pair weak is an RSA key of 1024 bits"));
  EXPECT_THAT(Details(results["key-pairs-read"]), Not(HasSubstr("symmetric")))
      << "symmetric keys are skipped";
  Check("--warnings-as-errors");
  EXPECT_EQ(status_, 1);

  // A damaged certificate, and a key that keyd's user may not read; then the certificate of another key.
  ASSERT_EQ(chmod(Join("weak.key.pem").c_str(), 0600), 0);
  Put("ca.pem", "damaged", 0644);
  results = Check();
  EXPECT_EQ(status_, 1);
  EXPECT_EQ(results["certs-read"].at("result"), "error");
  EXPECT_THAT(Details(results["certs-read"]), HasSubstr("could not read certificate bundle"));
  EXPECT_THAT(Details(results["certs-read"]), HasSubstr("could not read certificate local-ca"));
  EXPECT_EQ(results["key-pairs-read"].at("result"), "error");
  EXPECT_THAT(Details(results["key-pairs-read"]), HasSubstr("cannot be read by user aziotks"));
  Put("ca.pem", LongLived().certificate, 0644);
  results = Check();
  EXPECT_EQ(results["certs-match-private-keys"].at("result"), "error");
  EXPECT_THAT(Details(results["certs-match-private-keys"]), HasSubstr("local-ca does not match"));
}

TEST_F(CheckTest, WithoutTheDaemonsTheRestIsSkipped) {
  auto results = Check();
  EXPECT_EQ(status_, 1);
  EXPECT_EQ(results["keyd-running"].at("result"), "error");
  for (const char* id : {"certs-read", "key-pairs-read", "est-server-https", "certs-match-private-keys"})
    EXPECT_EQ(results[id], (Json{{"result", "skipped"}})) << id;
}

TEST_F(CheckTest, AnOpenSocketIsWarnedOf) {
  Start();
  ASSERT_EQ(chmod(Join("run/aziot/keyd.sock").c_str(), 0666), 0);
  auto results = Check();
  EXPECT_EQ(results["keyd-running"].at("result"), "warning");
  EXPECT_THAT(Details(results["keyd-running"]), HasSubstr("every user of this machine may connect"));
  EXPECT_EQ(results["certs-read"].at("result"), "ok") << "a warning stops no later check";
}

TEST_F(CheckTest, WhatMayNotBeReadIsFatal) {
  const Output output =
      RunCommand(absl::StrCat("setpriv --reuid 64010 --regid 64010 --clear-groups ", BuildDir(),
                              "/bin/aziotctl --root ", suite_.root().path(), " check -o json-stream"));
  EXPECT_EQ(output.status, 1);
  const std::vector<Json> objects = Objects(output.text);
  ASSERT_EQ(objects.size(), 3u) << output.text;
  EXPECT_EQ(objects[1].at("id"), "keyd-config-well-formed");
  EXPECT_EQ(objects[1].at("result").at("result"), "fatal");
  EXPECT_EQ(objects[2].at("kind"), "additional_info");
  EXPECT_EQ(output.text.back(), '\n');
}

TEST_F(CheckTest, FormatsAgree) {
  const std::string left_out = absl::StrCat(" --dont-run '", kOutside, "'");
  const Json whole = Json::parse(suite_.Aziotctl("check -o json" + left_out).text);
  EXPECT_EQ(whole.at("checks").size(), 24u);
  EXPECT_EQ(
      whole.at("checks").at("hostname").dump(),
      R"({"additional_info":{"config_hostname":null,"machine_hostname":null},"result":{"result":"ignored"}})");
  EXPECT_TRUE(whole.at("additional_info").contains("system_info"));
  const std::vector<Json> stream = Objects(suite_.Aziotctl("check -o json-stream" + left_out).text);
  ASSERT_EQ(stream.size(), 24u + 2 + 1);
  EXPECT_EQ(stream.front(), (Json{{"kind", "section"}, {"name", "Configuration checks"}}));
  EXPECT_EQ(stream[21], (Json{{"kind", "section"}, {"name", "Connectivity checks"}}));
  EXPECT_EQ(stream.back().at("kind"), "additional_info");
  EXPECT_THAT(suite_.Aziotctl("check" + left_out).text,
              HasSubstr("√ keyd configuration is well-formed - OK\n"));
}

TEST(CheckList, BothFormats) {
  const std::string program = BuildDir() + "/bin/aziotctl check-list";
  const Output json = RunCommand(program + " --output=json");
  EXPECT_EQ(json.status, 0);
  const Json list = Json::parse(json.text);
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list.at("Configuration checks").size(), 20u);
  EXPECT_EQ(list.at("Connectivity checks").size(), 4u);
  EXPECT_EQ(list.at("Connectivity checks")[0],
            (Json{{"id", "host-connect-iothub-amqp"},
                  {"description", "host can connect to and perform TLS handshake with iothub AMQP port"}}));
  EXPECT_LT(json.text.find("Configuration checks"), json.text.find("Connectivity checks"));
  const std::vector<std::string> lines = absl::StrSplit(RunCommand(program).text, '\n', absl::SkipEmpty());
  ASSERT_EQ(lines.size(), 25u);
  EXPECT_THAT(lines[0], ::testing::MatchesRegex("CATEGORY +ID +DESCRIPTION"));
  EXPECT_THAT(lines[1],
              ::testing::MatchesRegex(
                  "Configuration checks +keyd-config-well-formed +keyd configuration is well-formed"));
}

}  // namespace
}  // namespace aziot::tests
