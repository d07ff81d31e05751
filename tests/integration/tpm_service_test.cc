// The TPM service as a device runs it: its own user, its own configuration, a TPM that comes and goes; asked
// as identityd asks it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pwd.h>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "aziot/tpm/v1/tpm.pb.h"
#include "common/bytes/base64.h"
#include "common/client/client.h"
#include "common/files/files.h"
#include "common/openssl/digest.h"
#include "keyd/tpm/test_challenge.h"
#include "tests/support/shared_tpm.h"
#include "tests/support/suite.h"

namespace aziot::tests {
namespace {

using Json = nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kVersion[] = "?api-version=2020-09-01";
constexpr uid_t kStranger = 64050;  // in no group that may open the socket

class TpmServiceTest : public ::testing::Test {
 protected:
  void Configure(absl::string_view toml) {
    ASSERT_TRUE(
        files::Replace(suite_.root().Join("etc/aziot/tpmd/config.d/test.toml"), std::string(toml), 0644)
            .ok());
  }
  void Start() {
    Configure(absl::StrCat("tcti = \"", tpm_.tcti(), "\"\n"));
    suite_.StartTpmd();
  }
  bool Ready() { return suite_.IsReady("tpmd"); }
  void Restart() {
    EXPECT_EQ(suite_.tpmd().Stop(SIGTERM), 0) << suite_.tpmd().Log();
    suite_.StartTpmd();
  }
  // As identityd, whose user is in the socket's group.
  http::Response Ask(const std::string& verb, const std::string& target, const std::string& body = "") {
    return suite_.Ask(getpwnam("aziotid")->pw_uid, "tpmd", verb, target, body);
  }
  std::string Blob(const Bytes& hmac_key) {
    const http::Response keys = Ask("GET", absl::StrCat("/get_tpm_keys", kVersion));
    EXPECT_EQ(keys.status, 200) << keys.body << suite_.tpmd().Log();
    const Json json = Json::parse(keys.body, nullptr, false);
    if (!json.is_object()) return "";
    return FormatBase64(keyd::tpm::Wrap({.endorsement_key = Decoded(json.at("endorsement_key")),
                                         .storage_root_key = Decoded(json.at("storage_root_key")),
                                         .hmac_key = hmac_key}));
  }
  void Import(const Bytes& hmac_key) {
    const http::Response imported =
        Ask("POST", absl::StrCat("/import_auth_key", kVersion), Json{{"key", Blob(hmac_key)}}.dump());
    EXPECT_EQ(imported.status, 200) << imported.body << suite_.tpmd().Log();
    EXPECT_EQ(imported.body, "{}");
  }
  http::Response Sign(const Bytes& data) {
    return Ask("POST", absl::StrCat("/sign_with_auth_key", kVersion),
               Json{{"data", FormatBase64(data)}}.dump());
  }
  void ExpectSignsWith(const Bytes& hmac_key) {
    for (const Bytes& data : {ToBytes("hub%2Fdevice\n1700000000"), Bytes(5000, 'x')}) {
      const http::Response answer = Sign(data);
      EXPECT_EQ(answer.status, 200) << suite_.tpmd().Log();
      EXPECT_EQ(answer.body,
                absl::StrCat(R"({"digest":")", FormatBase64(openssl::HmacSha256(hmac_key, data)), R"("})"));
    }
  }
  static Bytes Decoded(const Json& text) { return ParseBase64(text.get<std::string>()).value_or(Bytes()); }

  Suite suite_;
  SharedTpm tpm_;
  const Bytes first_ = Bytes(32, 0xa1);
  const Bytes second_ = Bytes(32, 0xb2);
};

TEST_F(TpmServiceTest, KeysImportSignatureAndAllStarts) {
  Start();
  ASSERT_TRUE(Eventually([&] { return Ready(); })) << suite_.tpmd().Log();
  EXPECT_THAT(suite_.tpmd().Log(), HasSubstr("[INFO] - made an endorsement key at handle 0x81010001"));
  EXPECT_THAT(suite_.tpmd().Log(), Not(HasSubstr("ERR!")))
      << "a TPM without keys is normal at the first boot";

  const http::Response keys = Ask("GET", absl::StrCat("/get_tpm_keys", kVersion));
  EXPECT_EQ(keys.headers.Get("content-type"), "application/json");
  EXPECT_THAT(keys.body, StartsWith(R"({"endorsement_key":"AToAAQALAAMAsgAg)"));
  EXPECT_THAT(keys.body, HasSubstr(R"(","storage_root_key":"ARoAAQALAAMEcgAA)"));
  EXPECT_EQ(Decoded(Json::parse(keys.body).at("endorsement_key")).size(), 316u);
  EXPECT_EQ(Decoded(Json::parse(keys.body).at("storage_root_key")).size(), 284u);

  const http::Response early = Sign({1});
  EXPECT_EQ(early.status, 400);
  EXPECT_THAT(early.body, HasSubstr("no authentication key has been imported"));

  Import(first_);
  ExpectSignsWith(first_);
  Import(second_);
  ExpectSignsWith(second_);
  Restart();
  ExpectSignsWith(second_);
  EXPECT_EQ(Ask("GET", "/get_tpm_keys?api-version=2026-12-01").body, keys.body);

  client::Client client({.socket = suite_.root().Join("run/aziot/tpmd.sock"), .api_version = "2020-09-01"});
  const auto typed = client.Call<::aziot::tpm::v1::TpmKeys>("aziot.tpm.v1.Tpm.GetTpmKeys",
                                                            ::aziot::tpm::v1::GetTpmKeysRequest());
  ASSERT_TRUE(typed.ok()) << typed.status();
  EXPECT_EQ(FormatBase64(ToBytesView(typed->endorsement_key())),
            Json::parse(keys.body).at("endorsement_key"));

  const http::Response bad =
      Ask("POST", absl::StrCat("/import_auth_key", kVersion), R"({"key":"AAAAAAAAAAAAAA=="})");
  EXPECT_EQ(bad.status, 500);
  EXPECT_EQ(bad.body, R"({"message":"internal error"})");
  EXPECT_THAT(suite_.tpmd().Log(), HasSubstr("TPM2B_PUBLIC"));
  ExpectSignsWith(second_);

  EXPECT_THAT(suite_.tpmd().Log(), Not(HasSubstr(FormatBase64(second_))));
}

TEST_F(TpmServiceTest, TheTpmComesLateGoesAwayAndComesBack) {
  tpm_.Kill();
  Start();
  ASSERT_TRUE(Eventually([&] { return suite_.tpmd().Log().find("not known yet") != std::string::npos; }));
  EXPECT_EQ(suite_.Ask(0, "tpmd", "GET", "/ready").status, 503);
  EXPECT_EQ(Ask("GET", absl::StrCat("/get_tpm_keys", kVersion)).status, 500);
  tpm_.Start();
  ASSERT_TRUE(Eventually([&] { return Ready(); })) << suite_.tpmd().Log();
  Import(first_);
  tpm_.Kill();
  EXPECT_EQ(Sign({1}).status, 500);
  tpm_.Start();
  ExpectSignsWith(first_);
  EXPECT_EQ(suite_.tpmd().Stop(SIGTERM), 0);
}

TEST_F(TpmServiceTest, ATpmThatDoesNotAnswerHoldsUpNeitherStartNorStop) {
  tpm_.Hang();
  Start();
  EXPECT_EQ(suite_.Ask(0, "tpmd", "GET", "/ready").status, 503);
  EXPECT_EQ(suite_.tpmd().Stop(SIGTERM), 0) << suite_.tpmd().Log();
  tpm_.Kill();
}

TEST_F(TpmServiceTest, ServesItsThreeRoutesAndNothingElse) {
  Start();
  for (const char* route : {"/key", "/keypair", "/sign", "/encrypt", "/derivedkey"}) {
    const http::Response answer = Ask("POST", absl::StrCat(route, kVersion), "{}");
    EXPECT_EQ(answer.status, 404) << route;
    EXPECT_EQ(answer.body, R"({"message":"not found"})");
  }
  EXPECT_EQ(Ask("GET", "/get_tpm_keys?api-version=2021-05-01").status, 400);
  EXPECT_EQ(Ask("GET", "/get_tpm_keys").body, R"({"message":"api-version not specified"})");
  EXPECT_EQ(Ask("POST", absl::StrCat("/get_tpm_keys", kVersion)).body, R"({"message":"method not allowed"})");
  EXPECT_EQ(Ask("POST", absl::StrCat("/import_auth_key", kVersion)).body,
            R"({"message":"missing request body"})");
  EXPECT_EQ(Ask("POST", absl::StrCat("/import_auth_key", kVersion), R"({"key":"AA"})").status, 422);
  EXPECT_EQ(Ask("POST", absl::StrCat("/sign_with_auth_key", kVersion), "{}").status, 422);
  EXPECT_THAT(Ask("GET", "/metrics").body, HasSubstr("GetTpmKeys"));

  const std::string socket = suite_.root().Join("run/aziot/tpmd.sock");
  const Output refused = RunCommand(absl::StrCat("setpriv --reuid ", kStranger, " --regid ", kStranger,
                                                 " --clear-groups curl -sS", " --unix-socket ", socket,
                                                 " http://tpmd.sock/live 2>&1"));
  EXPECT_NE(refused.status, 0) << "only the group may open it: " << refused.text;
}

TEST_F(TpmServiceTest, CurlSeesTheBytesOfTheContract) {
  Start();
  const std::string curl = absl::StrCat("curl -sS -i --unix-socket ",
                                        suite_.root().Join("run/aziot/tpmd.sock"), " http://tpmd.sock");
  const std::string request = suite_.root().Join("request");
  ASSERT_TRUE(files::Replace(request, Json{{"key", Blob(first_)}}.dump(), 0600).ok());
  const Output imported = RunCommand(
      absl::StrCat(curl, "/import_auth_key", kVersion, " -H 'content-type: application/json' -d @", request));
  EXPECT_THAT(imported.text, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(imported.text, HasSubstr("content-type: application/json\r\n"));
  EXPECT_THAT(imported.text, HasSubstr("content-length: 2\r\n"));
  EXPECT_THAT(imported.text, ::testing::EndsWith("\r\n\r\n{}"));
  const Output signature =
      RunCommand(absl::StrCat(curl, "/sign_with_auth_key", kVersion, R"( -d '{"data":"ZGF0YQ=="}')",
                              " -H 'content-type: application/json'"));
  EXPECT_THAT(signature.text,
              ::testing::EndsWith(absl::StrCat(
                  R"({"digest":")", FormatBase64(openssl::HmacSha256(first_, ToBytes("data"))), R"("})")));
}

TEST_F(TpmServiceTest, WhatAziotctlWritesIsWhatItReads) {
  const std::string toml = absl::StrCat(
      "hostname = \"host\"\n[provisioning]\nsource = \"dps\"\nglobal_endpoint = \"https://localhost:1\"\n",
      "id_scope = \"0ab\"\n[provisioning.attestation]\nmethod = \"tpm\"\nregistration_id = \"r\"\n[tpm]\n",
      "tcti = \"", tpm_.tcti(), "\"\nauth_key_index = \"0x00_02_00\"\n");
  ASSERT_TRUE(files::Replace(suite_.root().Join("etc/aziot/config.toml"), toml, 0600).ok());
  const Output applied = suite_.Aziotctl("config apply 2>&1");
  ASSERT_EQ(applied.status, 0) << applied.text;
  suite_.StartTpmd();
  Import(first_);
  EXPECT_THAT(suite_.tpmd().Log(), HasSubstr("0x81000200"));
  EXPECT_THAT(suite_.Aziotctl("system status 2>&1").text, ::testing::ContainsRegex("aziot-tpmd +Running"));
}

TEST_F(TpmServiceTest, AWrongConfigurationIsNamedAndEndsIt) {
  for (const auto& [toml, says] : {std::pair{"auth_key_index = 0x800000", "in range 0x00_00_00..=0x7F_FF_FF"},
                                   std::pair{"max_requests = 0", "max_requests: must be at least 1"},
                                   std::pair{"hierarchy_authorization = 1", "expected a table"}}) {
    Configure(toml);
    suite_.tpmd().Start();
    EXPECT_TRUE(Eventually([&] { return !suite_.tpmd().Runs(); })) << toml;
    EXPECT_THAT(suite_.tpmd().Log(), HasSubstr(says));
  }
}

}  // namespace
}  // namespace aziot::tests
