// Trust, names and proxies: whom the client talks to over TLS, and which failures say that the cloud was not
// reached.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <sys/socket.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/https/client.h"
#include "common/https/client_identity.h"
#include "common/https/fake_server.h"
#include "common/https/jumping_clock.h"
#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"
#include "common/testing/test_ca.h"

namespace aziot::https {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;
using testing::StatusIs;

class HttpsTls : public ::testing::Test {
 protected:
  HttpsTls() {
    std::ofstream(directory_.Join("root.pem")) << ca_.root();
    setenv("SSL_CERT_FILE", directory_.Join("root.pem").c_str(), 1);
  }
  ~HttpsTls() override {
    unsetenv("SSL_CERT_FILE");
    unsetenv("SSL_CERT_DIR");
  }

  absl::StatusOr<http::Response> Get(std::string url, ProxySettings proxy = {}) {
    Client client({.proxy = std::move(proxy)}, clock_);
    return Get(client, std::move(url));
  }
  static absl::StatusOr<http::Response> Get(Client& client, std::string url) {
    Call call;
    call.make = [url = std::move(url)](absl::Duration) -> absl::StatusOr<http::Request> {
      return http::Request{.method = "GET", .target = url};
    };
    call.retry = false;
    return client.Send(std::move(call));
  }
  static Reply Hello(const std::string&) { return {FormatReply("200 OK", "", "hello")}; }

  testing::TempDir directory_;
  testing::TestCa ca_;
  JumpingClock clock_;
};

TEST_F(HttpsTls, TrustsTheFileOfTheEnvironmentAndKeepsTheConnection) {
  FakeServer server(Hello, ca_.IssueServer());
  Client client({}, clock_);
  for (int i = 0; i < 3; ++i) {
    const auto response = Get(client, server.Url("/"));
    ASSERT_THAT(response, testing::IsOk());
    EXPECT_EQ(response->body, "hello");
  }
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(HttpsTls, TrustsTheDirectoryOfTheEnvironment) {
  unsetenv("SSL_CERT_FILE");
  setenv("SSL_CERT_DIR", directory_.path().c_str(), 1);
  FakeServer server(Hello, ca_.IssueServer());
  EXPECT_THAT(Get(server.Url("/")), StatusIs(absl::StatusCode::kUnavailable)) << "no hashed name yet";

  const openssl::BioPtr pem(BIO_new_mem_buf(ca_.root().data(), static_cast<int>(ca_.root().size())));
  const openssl::X509Ptr root(PEM_read_bio_X509(pem.get(), nullptr, nullptr, nullptr));
  std::filesystem::create_symlink(
      "root.pem",
      directory_.Join(absl::StrFormat(
          "%08x.0", X509_NAME_hash_ex(X509_get_subject_name(root.get()), nullptr, nullptr, nullptr))));
  EXPECT_THAT(Get(server.Url("/")), testing::IsOk());
}

TEST_F(HttpsTls, RefusesWhomItCannotVerify) {
  const testing::TestCa other("Other CA");
  const absl::Time past = absl::Now() - absl::Hours(1);
  const struct {
    const char* what;
    testing::Issued identity;
  } cases[] = {
      {"unknown issuer", other.IssueServer()},
      {"another host", ca_.IssueServer("example.org", {"DNS:example.org"})},
      {"only in the common name", ca_.IssueServer("localhost", {"DNS:example.org"})},
      {"expired", ca_.IssueServer("localhost", {"DNS:localhost"}, {past - absl::Hours(1), past})},
  };
  for (const auto& c : cases) {
    FakeServer server(Hello, c.identity);
    const auto response = Get(server.Url("/"));
    EXPECT_THAT(response, StatusIs(absl::StatusCode::kUnavailable)) << c.what;
    EXPECT_EQ(FailureKindOf(response.status()), FailureKind::kNetwork) << c.what;
    EXPECT_THAT(server.requests(), SizeIs(0)) << c.what;
  }
}

TEST_F(HttpsTls, WhatEndsBeforeTheHandshakeIsANetworkFailureWhatEndsAfterItIsNot) {
  LoopbackServer closes([](int) {});
  const auto before = Get(absl::StrCat("https://localhost:", closes.port(), "/"));
  EXPECT_EQ(FailureKindOf(before.status()), FailureKind::kNetwork) << before.status();

  LoopbackServer plain([](int descriptor) {
    char hello[1024];
    if (recv(descriptor, hello, sizeof(hello), 0) > 0)
      send(descriptor, "HTTP/1.1 400 Bad Request\r\n\r\n", 28, 0);
  });
  const auto no_tls = Get(absl::StrCat("https://localhost:", plain.port(), "/"));
  EXPECT_EQ(FailureKindOf(no_tls.status()), FailureKind::kNetwork) << no_tls.status();

  for (const Reply::Then then : {Reply::Then::kReset, Reply::Then::kClose}) {
    FakeServer server([&](const std::string&) { return Reply{"", then}; }, ca_.IssueServer());
    const auto after = Get(server.Url("/"));
    EXPECT_THAT(after, StatusIs(absl::StatusCode::kInternal));
    EXPECT_EQ(FailureKindOf(after.status()), FailureKind::kOther);
  }
}

TEST_F(HttpsTls, TunnelsThroughAProxyWithDecodedCredentials) {
  FakeServer server(Hello, ca_.IssueServer());
  FakeProxy proxy(server.port(), "Basic dXNAZXI6cDp3");  // us@er:p:w
  const std::string url = absl::StrCat("http://us%40er:p%3aw@127.0.0.1:", proxy.port());
  const auto response = Get(server.Url("/x"), {url, ""});
  ASSERT_THAT(response, testing::IsOk());
  EXPECT_EQ(response->body, "hello");
  EXPECT_EQ(response->headers.Find("x-proxy"), nullptr);

  ASSERT_THAT(proxy.requests(), SizeIs(1));
  EXPECT_THAT(proxy.requests()[0],
              StartsWith(absl::StrCat("CONNECT localhost:", server.port(), " HTTP/1.1\r\n")));
  EXPECT_THAT(proxy.requests()[0], HasSubstr("\r\nUser-Agent: aziot-identity-service/"));
  EXPECT_THAT(proxy.requests()[0], Not(HasSubstr("x-ms-client-request-id")));
  ASSERT_THAT(server.requests(), SizeIs(1));
  EXPECT_THAT(server.requests()[0], StartsWith("GET /x HTTP/1.1\r\n"));
  EXPECT_THAT(server.requests()[0], Not(HasSubstr("Proxy-")));
}

TEST_F(HttpsTls, AUserWithoutPasswordHasAnEmptyOne) {
  FakeServer server(Hello, ca_.IssueServer());
  FakeProxy proxy(server.port(), "Basic dXNlcjo=");  // user:
  EXPECT_THAT(Get(server.Url("/"), {absl::StrCat("http://user@127.0.0.1:", proxy.port()), ""}),
              testing::IsOk());
}

TEST_F(HttpsTls, AProxyThatRefusesIsANetworkFailureAndShowsNoPassword) {
  FakeServer server(Hello, ca_.IssueServer());
  FakeProxy proxy(server.port(), "Basic other");
  const auto response = Get(server.Url("/"), {absl::StrCat("http://u:hunter2@127.0.0.1:", proxy.port()), ""});
  EXPECT_THAT(response, StatusIs(absl::StatusCode::kUnavailable, Not(HasSubstr("hunter2"))));
  EXPECT_EQ(FailureKindOf(response.status()), FailureKind::kNetwork);
  EXPECT_THAT(server.requests(), SizeIs(0));
}

TEST_F(HttpsTls, VerifiesThroughAProxyToo) {
  FakeServer server(Hello, testing::TestCa("Other CA").IssueServer());
  FakeProxy proxy(server.port(), "");
  const auto response = Get(server.Url("/"), {absl::StrCat("http://127.0.0.1:", proxy.port()), ""});
  EXPECT_THAT(response, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(FailureKindOf(response.status()), FailureKind::kNetwork);
}

TEST_F(HttpsTls, GoesAroundTheProxyToWhomTheListNames) {
  FakeServer server(Hello, ca_.IssueServer());
  FakeProxy proxy(server.port(), "");
  const std::string url = absl::StrCat("http://127.0.0.1:", proxy.port());
  EXPECT_THAT(Get(server.Url("/"), {url, absl::StrCat("localhost:", server.port())}), testing::IsOk());
  EXPECT_THAT(proxy.requests(), SizeIs(0));
  EXPECT_THAT(Get(server.Url("/"), {url, "localhost:1"}), testing::IsOk());
  EXPECT_THAT(proxy.requests(), SizeIs(1));
}

// A client's certificate with its key, which lives in a library context of its own.
std::shared_ptr<const ClientIdentity> Identify(const testing::Issued& issued, OSSL_LIB_CTX* context) {
  auto identity = std::make_shared<ClientIdentity>();
  const openssl::BioPtr certificates(BIO_new_mem_buf(issued.certificate.data(), -1));
  while (openssl::X509Ptr next{PEM_read_bio_X509(certificates.get(), nullptr, nullptr, nullptr)}) {
    identity->chain.push_back(std::move(next));
  }
  const openssl::BioPtr key(BIO_new_mem_buf(issued.private_key.data(), -1));
  identity->key.reset(PEM_read_bio_PrivateKey_ex(key.get(), nullptr, nullptr, nullptr, context, nullptr));
  return identity;
}

class HttpsClientIdentity : public HttpsTls {
 protected:
  absl::StatusOr<http::Response> Get(std::shared_ptr<const ClientIdentity> identity) {
    Call call;
    call.make = [this](absl::Duration) -> absl::StatusOr<http::Request> {
      return http::Request{.method = "GET", .target = server_.Url("/")};
    };
    call.retry = false;
    call.identity = std::move(identity);
    return client_.Send(std::move(call));
  }

  const testing::TestCa device_ca_{testing::TestCa("Device CA").IssueCa("Intermediate CA")};
  FakeServer server_{Hello, ca_.IssueServer(), device_ca_.root()};
  Client client_{{}, clock_};
  openssl::LibCtxPtr context_{OSSL_LIB_CTX_new()};
};

TEST_F(HttpsClientIdentity, IsShownToAServerThatDemandsIt) {
  const auto device = Identify(device_ca_.IssueClient("device-1"), context_.get());
  const auto response = Get(device);
  ASSERT_THAT(response, testing::IsOk());
  EXPECT_EQ(response->body, "hello");
  EXPECT_THAT(Get(device), testing::IsOk());
  EXPECT_EQ(server_.connections(), 1);
  EXPECT_THAT(server_.clients(), ::testing::ElementsAre("device-1"));
}

TEST_F(HttpsClientIdentity, NeverServesACallOfAnotherIdentity) {
  const auto first = Identify(device_ca_.IssueClient("device-1"), context_.get());
  const auto second = Identify(device_ca_.IssueClient("device-2"), context_.get());
  for (const auto& identity : {first, second, first}) ASSERT_THAT(Get(identity), testing::IsOk());
  EXPECT_THAT(Get(nullptr), Not(testing::IsOk()));
  EXPECT_THAT(server_.clients(), ::testing::ElementsAre("device-1", "device-2"));
  EXPECT_THAT(server_.requests(), SizeIs(3));
}

TEST_F(HttpsClientIdentity, OfAStrangerIsRefused) {
  const auto stranger = Identify(testing::TestCa("Other CA").IssueClient("device-1"), context_.get());
  EXPECT_THAT(Get(stranger), Not(testing::IsOk()));
  EXPECT_THAT(server_.requests(), SizeIs(0));
}

TEST_F(HttpsClientIdentity, WhoseKeyIsNotTheCertificatesIsNamed) {
  testing::Issued mixed = device_ca_.IssueClient("device-1");
  mixed.private_key = device_ca_.IssueClient("device-2").private_key;
  EXPECT_THAT(Get(Identify(mixed, context_.get())),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("using the client's key")));
}

}  // namespace
}  // namespace aziot::https
