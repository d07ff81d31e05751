// TLS with keys that stay in keyd, between libssl, libcurl and the real daemons: many handshakes at once, a
// server that demands the client's certificate, keyd away and back, a key rotated under a running server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pwd.h>
#include <signal.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/files/files.h"
#include "common/https/client.h"
#include "common/https/client_identity.h"
#include "common/https/fake_server.h"
#include "common/openssl/certificate.h"
#include "common/openssl/error_queue.h"
#include "common/openssl/remote_keys.h"
#include "common/testing/status_matchers.h"
#include "common/testing/test_ca.h"
#include "common/uri/uri.h"
#include "tests/support/suite.h"

namespace aziot::tests {
namespace {

using Json = nlohmann::json;
using SslCtxPtr = std::unique_ptr<SSL_CTX, openssl::FreeWith<SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, openssl::FreeWith<SSL_free>>;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAndHolds;

class OpensslClientsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const uid_t certd = getpwnam("aziotcs")->pw_uid;
    Configure("keyd",
              absl::StrCat("[aziot_keys]\nhomedir_path = \"", suite_.root().Join("var/lib/aziot/keyd"),
                           "\"\n[[principal]]\nuid = 0\nkeys = [\"*\"]\n[[principal]]\nuid = ", certd,
                           "\nkeys = [\"local-ca\"]\n"));
    Configure("certd",
              absl::StrCat("homedir_path = \"", suite_.root().Join("var/lib/aziot/certd"),
                           "\"\n[cert_issuance.local_ca]\ncert = \"local-ca\"\npk = \"local-ca\"\n",
                           "[cert_issuance.local-ca]\nmethod = \"self_signed\"\ncommon_name = \"CA\"\n",
                           "[cert_issuance.device-id]\nmethod = \"local_ca\"\n",
                           "[[principal]]\nuid = 0\ncerts = [\"*\"]\n"));
    suite_.StartKeyd();
  }
  void Configure(const std::string& daemon, const std::string& toml) {
    ASSERT_THAT(
        files::Replace(suite_.root().Join(absl::StrCat("etc/aziot/", daemon, "/config.toml")), toml, 0644),
        IsOk());
  }
  Json Ask(const std::string& daemon, const std::string& verb, const std::string& path,
           const Json& body) const {
    const std::string version = daemon == "keyd" ? "2021-05-01" : "2020-09-01";
    const http::Response answer =
        suite_.Ask(0, daemon, verb, absl::StrCat(path, "?api-version=", version), body.dump());
    EXPECT_LT(answer.status, 300) << path << answer.body;
    return answer.status == 204 ? Json() : Json::parse(answer.body);
  }
  std::string Handle(const std::string& id, const std::string& algorithm) const {
    return Ask("keyd", "POST", "/keypair", {{"keyId", id}, {"preferredAlgorithms", algorithm}})["keyHandle"];
  }
  std::string Socket(const std::string& daemon) const {
    return suite_.root().Join(absl::StrCat("run/aziot/", daemon, ".sock"));
  }
  openssl::PkeyPtr Load(const std::string& id, const std::string& algorithm) {
    auto key = keys_.Load(
        absl::StrCat("aziot:handle=", uri::PercentEncode(Handle(id, algorithm)), ";socket=", Socket("keyd")));
    EXPECT_THAT(key, IsOk());
    return key.ok() ? *std::move(key) : nullptr;
  }
  // A certificate over `key`, from a CA of the test's own.
  openssl::X509Ptr Certify(EVP_PKEY& key, const std::string& name) const {
    return std::move(openssl::ParseCertificates(ca_.IssueFor(key, name))->front());
  }

  Suite suite_;
  openssl::RemoteKeys keys_{BuildDir() + "/lib/ossl-modules"};
  testing::TestCa ca_;
};

// Both ends of one connection in memory, each with a key of keyd, made in libssl's default library context:
// it knows nothing of the provider.
class Pair {
 public:
  Pair(int version, EVP_PKEY& key, X509& certificate, const std::string& root) {
    for (SslCtxPtr* side : {&server_, &client_}) {
      side->reset(SSL_CTX_new(side == &server_ ? TLS_server_method() : TLS_client_method()));
      SSL_CTX_set_min_proto_version(side->get(), version);
      SSL_CTX_set_max_proto_version(side->get(), version);
      EXPECT_EQ(SSL_CTX_use_certificate(side->get(), &certificate), 1);
      EXPECT_EQ(SSL_CTX_use_PrivateKey(side->get(), &key), 1);
      X509_STORE_add_cert(SSL_CTX_get_cert_store(side->get()),
                          openssl::ParseCertificates(root)->front().get());
      SSL_CTX_set_verify(side->get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
      SSL_CTX_set_purpose(side->get(), X509_PURPOSE_ANY);  // one certificate serves both sides
      SSL_CTX_set_session_cache_mode(side->get(), SSL_SESS_CACHE_OFF);
    }
  }

  // A full handshake: "" when both sides verified each other, else what OpenSSL says.
  std::string Shake() const {
    const SslPtr server(SSL_new(server_.get())), client(SSL_new(client_.get()));
    BIO *near = nullptr, *far = nullptr;
    if (BIO_new_bio_pair(&near, 0, &far, 0) != 1) return "no memory";
    SSL_set_bio(server.get(), near, near);
    SSL_set_bio(client.get(), far, far);
    SSL_set_accept_state(server.get());
    SSL_set_connect_state(client.get());
    ERR_clear_error();
    for (int round = 0; round < 100; ++round) {
      int done = 0;
      for (SSL* side : {client.get(), server.get()}) {
        const int result = SSL_do_handshake(side);
        if (result == 1) {
          ++done;
        } else if (SSL_get_error(side, result) != SSL_ERROR_WANT_READ) {
          return openssl::ErrorFromQueue(absl::StatusCode::kInternal, "handshake").ToString();
        }
      }
      if (done == 2) return "";
    }
    return "the handshake does not end";
  }

 private:
  SslCtxPtr server_, client_;
};

struct Kind {
  const char* name;
  const char* algorithm;
  int version;
};
class HandshakesTest : public OpensslClientsTest, public ::testing::WithParamInterface<Kind> {};

TEST_P(HandshakesTest, FiftyAtOnceOfOneUidAllSucceed) {
  const openssl::PkeyPtr key = Load("tls", GetParam().algorithm);
  ASSERT_NE(key, nullptr);
  const openssl::X509Ptr certificate = Certify(*key, "device");
  const Pair pair(GetParam().version, *key, *certificate, ca_.root());
  constexpr int kHandshakes = 50;
  std::atomic<int> waiting = kHandshakes;
  std::vector<std::string> failures(kHandshakes);
  std::vector<std::thread> threads;
  for (std::string& failure : failures) {
    threads.emplace_back([&] {
      --waiting;
      while (waiting > 0) std::this_thread::yield();
      failure = pair.Shake();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(failures, ::testing::Each(""));
}
INSTANTIATE_TEST_SUITE_P(All, HandshakesTest,
                         ::testing::Values(Kind{"Ec13", "ec-p256", TLS1_3_VERSION},
                                           Kind{"Ec12", "ec-p256", TLS1_2_VERSION},
                                           Kind{"Rsa13", "rsa-2048", TLS1_3_VERSION},
                                           Kind{"Rsa12", "rsa-2048", TLS1_2_VERSION},
                                           Kind{"Rsa4096", "rsa-4096", TLS1_3_VERSION}),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_F(OpensslClientsTest, AKeySurvivesARestartOfKeyd) {
  const openssl::PkeyPtr key = Load("tls", "ec-p256");
  const openssl::X509Ptr certificate = Certify(*key, "device");
  const Pair pair(TLS1_3_VERSION, *key, *certificate, ca_.root());
  EXPECT_EQ(pair.Shake(), "");
  suite_.keyd().Stop(SIGTERM);
  EXPECT_THAT(pair.Shake(), HasSubstr("keyd"));
  suite_.StartKeyd();
  EXPECT_EQ(pair.Shake(), "");
}

TEST_F(OpensslClientsTest, AKeyRotatedUnderARunningServerSignsNoMore) {
  const openssl::PkeyPtr key = Load("tls", "ec-p256");
  const openssl::X509Ptr certificate = Certify(*key, "device");
  const Pair pair(TLS1_3_VERSION, *key, *certificate, ca_.root());
  EXPECT_EQ(pair.Shake(), "");
  Handle("next", "ec-p256");
  Ask("keyd", "POST", "/keypair/tls", {{"from", "next"}});
  EXPECT_THAT(pair.Shake(), HasSubstr("key was rotated, reload"));
  const openssl::PkeyPtr reloaded = Load("tls", "ec-p256");
  const openssl::X509Ptr renewed = Certify(*reloaded, "device");
  EXPECT_EQ(Pair(TLS1_3_VERSION, *reloaded, *renewed, ca_.root()).Shake(), "");
}

// As identityd and certd do with a cloud that demands certificates: the key in keyd, the certificate from
// certd, the request through libcurl.
TEST_F(OpensslClientsTest, AServerThatDemandsACertificateGetsTheDevices) {
  suite_.StartCertd();
  for (const char* const algorithm : {"ec-p256", "rsa-2048"}) {
    const openssl::PkeyPtr ca_key = Load("local-ca", algorithm);
    const std::string id = absl::StrCat("device-", algorithm);
    const openssl::PkeyPtr key = Load(id, algorithm);
    ASSERT_TRUE(ca_key != nullptr && key != nullptr);
    const auto request = [&](EVP_PKEY& signer, const char* name, const char* constraints) {
      return openssl::FormatRequest(**openssl::BuildRequest(**openssl::BuildName({{"CN", name}}), signer,
                                                            {{{"basicConstraints", constraints}}},
                                                            keys_.context()));
    };
    Ask("certd", "POST", "/certificates",
        {{"certId", "local-ca"}, {"csr", request(*ca_key, "CA", "critical,CA:TRUE")}});
    Ask("certd", "POST", "/certificates",
        {{"certId", "device-id"}, {"csr", request(*key, algorithm, "CA:FALSE")}});

    // The chain as any OpenSSL program gets it.
    const Output stored = RunCommand(
        absl::StrCat("openssl storeutl -certs -provider-path ", BuildDir(),
                     "/lib/ossl-modules -provider default -provider aziot_keys 'aziot:cert=device-id;socket=",
                     Socket("certd"), "' 2>&1"));
    ASSERT_EQ(stored.status, 0) << stored.text;
    auto chain = openssl::ParseCertificates(stored.text);
    ASSERT_THAT(chain, IsOk());
    ASSERT_EQ(chain->size(), 2u) << stored.text;

    https::FakeServer server(
        [](const std::string&) { return https::Reply{https::FormatReply("200 OK", "", "known")}; },
        ca_.IssueServer(), openssl::FormatCertificate(*chain->back()));
    auto identity = std::make_shared<https::ClientIdentity>();
    identity->chain = *std::move(chain);
    identity->key.reset(key.get());
    EVP_PKEY_up_ref(key.get());
    ASSERT_THAT(files::Replace(suite_.root().Join("root.pem"), ca_.root(), 0644), IsOk());
    setenv("SSL_CERT_FILE", suite_.root().Join("root.pem").c_str(), 1);
    https::Client client({}, Clock::System());
    https::Call call;
    call.make = [&](absl::Duration) -> absl::StatusOr<http::Request> {
      return http::Request{.method = "GET", .target = server.Url("/")};
    };
    call.identity = identity;
    const auto answer = client.Send(std::move(call));
    unsetenv("SSL_CERT_FILE");
    ASSERT_THAT(answer, IsOk());
    EXPECT_EQ(answer->body, "known");
    EXPECT_THAT(server.clients(), ElementsAre(algorithm));
    Ask("keyd", "DELETE", "/keypair", {{"keyHandle", Handle("local-ca", algorithm)}});
  }
}

}  // namespace
}  // namespace aziot::tests
