// certd signs with keys that stay in keyd, through the provider: self-signed, local CA, and the issuer of a
// request.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pwd.h>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "common/files/files.h"
#include "common/openssl/certificate.h"
#include "tests/support/suite.h"

namespace aziot::tests {
namespace {

using Json = nlohmann::json;

constexpr uid_t kEdge = 64010;
constexpr uid_t kStranger = 64011;

class CertificatesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const uid_t certd = getpwnam("aziotcs")->pw_uid;
    Configure("keyd",
              absl::StrCat("[aziot_keys]\nhomedir_path = \"", suite_.root().Join("var/lib/aziot/keyd"),
                           "\"\n[[principal]]\nuid = ", certd, "\nkeys = [\"local-ca\", \"self-*\"]\n",
                           "[[principal]]\nuid = ", kEdge, "\nkeys = [\"*\"]\n"));
    Configure("certd",
              absl::StrCat("homedir_path = \"", suite_.root().Join("var/lib/aziot/certd"), "\"\n",
                           "[cert_issuance.local_ca]\ncert = \"local-ca\"\npk = \"local-ca\"\n",
                           "[cert_issuance.local-ca]\nmethod = \"self_signed\"\ncommon_name = \"My CA\"\n",
                           "[cert_issuance.leaf]\nmethod = \"local_ca\"\nexpiry_days = 7\n",
                           "[cert_issuance.by-est]\nmethod = \"est\"\n", "[[principal]]\nuid = ", kEdge,
                           "\ncerts = [\"*\"]\n"));
    suite_.StartKeyd();
    suite_.StartCertd();
  }
  void Configure(const std::string& daemon, const std::string& toml) {
    ASSERT_TRUE(
        files::Replace(suite_.root().Join(absl::StrCat("etc/aziot/", daemon, "/config.toml")), toml, 0644)
            .ok());
  }

  std::string MakeKey(const std::string& id, const std::string& algorithm) {
    const auto answer = suite_.Ask(kEdge, "keyd", "POST", "/keypair?api-version=2021-05-01",
                                   Json{{"keyId", id}, {"preferredAlgorithms", algorithm}}.dump());
    EXPECT_EQ(answer.status, 200) << answer.body;
    return Json::parse(answer.body).at("keyHandle");
  }
  // A request for the key behind `handle`, made by the openssl command through the provider.
  std::string Csr(const std::string& handle, const std::string& name, const std::string& more = "") {
    const std::string uri =
        absl::StrCat("aziot:", handle, ";socket=", suite_.root().Join("run/aziot/keyd.sock"));
    const Output output =
        RunCommand(absl::StrCat("openssl req -new -batch -provider-path ", BuildDir(),
                                "/lib/ossl-modules -provider default -provider aziot_keys -key '", uri,
                                "' -subj '/CN=", name, "' ", more, " 2>&1"));
    EXPECT_EQ(output.status, 0) << output.text;
    return output.text.substr(output.text.find("-----BEGIN"));
  }
  http::Response Create(const Json& request, uid_t uid = kEdge) {
    return suite_.Ask(uid, "certd", "POST", "/certificates?api-version=2020-09-01", request.dump());
  }
  // The chain verifies up to its last certificate, by the openssl command.
  void ExpectVerifies(const std::string& pem) {
    const auto chain = openssl::ParseCertificates(pem);
    ASSERT_TRUE(chain.ok() && !chain->empty()) << pem;
    ASSERT_TRUE(
        files::Replace(suite_.root().Join("ca.pem"), openssl::FormatCertificate(*chain->back()), 0644).ok());
    ASSERT_TRUE(
        files::Replace(suite_.root().Join("leaf.pem"), openssl::FormatCertificate(*chain->front()), 0644)
            .ok());
    const Output verify =
        RunCommand(absl::StrCat("openssl verify -partial_chain -CAfile ", suite_.root().Join("ca.pem"), " ",
                                suite_.root().Join("leaf.pem"), " 2>&1"));
    EXPECT_EQ(verify.status, 0) << verify.text;
  }

  Suite suite_;
};

TEST_F(CertificatesTest, KeysStayInKeydWhereverTheySign) {
  for (const char* algorithm : {"ec-p256", "rsa-2048"}) {
    SCOPED_TRACE(algorithm);
    for (const char* id : {"local-ca", "device"}) {
      const auto old =
          suite_.Ask(kEdge, "keyd", "GET", absl::StrCat("/keypair/", id, "?api-version=2021-05-01"));
      if (old.status == 200) {
        EXPECT_EQ(suite_.Ask(kEdge, "keyd", "DELETE", "/keypair?api-version=2021-05-01", old.body).status,
                  204);
      }
    }
    const std::string ca_handle = MakeKey("local-ca", algorithm);
    const auto ca = Create({{"certId", "local-ca"},
                            {"csr", Csr(ca_handle, "asked", "-addext basicConstraints=critical,CA:TRUE")}});
    ASSERT_EQ(ca.status, 201) << ca.body << suite_.certd().Log();
    ExpectVerifies(Json::parse(ca.body).at("pem"));

    const std::string csr = Csr(MakeKey("device", "ec-p256"), "device");
    const auto leaf = Create({{"certId", "leaf"}, {"csr", csr}});
    ASSERT_EQ(leaf.status, 201) << leaf.body << suite_.certd().Log();
    ExpectVerifies(Json::parse(leaf.body).at("pem"));

    const auto module = Create({{"certId", "aziot-edged/module/m:1:server"},
                                {"csr", csr},
                                {"issuer", {{"certId", "local-ca"}, {"privateKeyHandle", ca_handle}}}});
    ASSERT_EQ(module.status, 201) << module.body << suite_.certd().Log();
    const auto read = suite_.Ask(kStranger, "certd", "GET",
                                 "/certificates/aziot-edged%2Fmodule%2Fm:1:server?api-version=2020-09-01");
    EXPECT_EQ(read.status, 200);
    EXPECT_EQ(read.body, module.body);
  }
}

TEST_F(CertificatesTest, RefusalsAreClearAndDisturbNothingElse) {
  const std::string csr = Csr(MakeKey("device", "ec-p256"), "device");
  const auto est = Create({{"certId", "by-est"}, {"csr", csr}});
  EXPECT_EQ(est.status, 400);
  EXPECT_THAT(est.body, ::testing::HasSubstr("not supported yet"));
  EXPECT_EQ(Create({{"certId", "leaf"}, {"csr", csr}}, kStranger).status, 401);
  EXPECT_EQ(Create({{"certId", "leaf"}, {"csr", "no CSR"}}).status, 400);
  EXPECT_EQ(Create({{"certId", "leaf"}}).status, 422);
  suite_.keyd().Stop(SIGKILL);
  const auto without_keyd = Create({{"certId", "leaf"}, {"csr", csr}});
  EXPECT_NE(without_keyd.status, 201);
  const auto import = suite_.Ask(kEdge, "certd", "PUT", "/certificates/imported?api-version=2020-09-01",
                                 Json{{"pem", "text"}}.dump());
  EXPECT_EQ(import.status, 201) << import.body;
}

}  // namespace
}  // namespace aziot::tests
