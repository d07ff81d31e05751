#include "common/server/https_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <condition_variable>
#include <fstream>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/net/unique_fd.h"
#include "common/server/tls_context.h"
#include "common/testing/temp_dir.h"
#include "common/testing/test_ca.h"

namespace aziot::server {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

http::Response Text(std::string body) {
  http::Response response{.status = 200, .body = std::move(body)};
  response.headers.Add("content-type", "text/plain");
  return response;
}

net::UniqueFd ConnectTcp(const std::string& address) {
  sockaddr_in to{};
  int port = 0;
  EXPECT_TRUE(absl::SimpleAtoi(address.substr(address.rfind(':') + 1), &port));
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(port));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  net::UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval patience{.tv_sec = 30};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  EXPECT_EQ(connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  return fd;
}

class TlsClient {
 public:
  explicit TlsClient(const std::string& address, const testing::IssuedFiles* identity = nullptr,
                     int newest_version = TLS1_3_VERSION)
      : fd_(ConnectTcp(address)), context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free) {
    SSL_CTX_set_max_proto_version(context_.get(), newest_version);
    if (identity != nullptr) {
      EXPECT_EQ(SSL_CTX_use_certificate_chain_file(context_.get(), identity->certificate.c_str()), 1);
      EXPECT_EQ(SSL_CTX_use_PrivateKey_file(context_.get(), identity->private_key.c_str(), SSL_FILETYPE_PEM),
                1);
    }
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_tlsext_host_name(ssl_.get(), "hub.example");
    SSL_set_fd(ssl_.get(), fd_.get());
    connected_ = SSL_connect(ssl_.get()) == 1;
  }
  bool connected() const { return connected_; }
  SSL* ssl() { return ssl_.get(); }

  std::string Ask(const std::string& wire) {
    SSL_write(ssl_.get(), wire.data(), static_cast<int>(wire.size()));
    std::string answer;
    char buffer[4096];
    while (true) {
      const size_t end = answer.find("\r\n\r\n");
      if (end != std::string::npos) {
        const size_t field = answer.find("content-length: ");
        size_t length = 0;
        if (field < end &&
            absl::SimpleAtoi(answer.substr(field + 16, answer.find("\r\n", field) - field - 16), &length) &&
            answer.size() >= end + 4 + length) {
          return answer;
        }
      }
      const int count = SSL_read(ssl_.get(), buffer, sizeof buffer);
      if (count <= 0) return answer;
      answer.append(buffer, static_cast<size_t>(count));
    }
  }

 private:
  net::UniqueFd fd_;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  SslPtr ssl_;
  bool connected_ = false;
};

class HttpsServerTest : public ::testing::Test {
 protected:
  HttpsServerTest() : files_(testing::WriteIssued(ca_.IssueServer(), directory_.path(), "server")) {}

  HttpsOptions Options() const {
    return {
        .listen = {"127.0.0.1:0"}, .certificate_file = files_.certificate, .key_file = files_.private_key};
  }
  void Serve(HttpsOptions options, HttpsServer::Handler handler) {
    auto server = HttpsServer::Start(std::move(options), std::move(handler));
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    address_ = server_->addresses().at(0);
  }

  const testing::TempDir directory_;
  const testing::TestCa ca_;
  const testing::IssuedFiles files_;
  std::unique_ptr<HttpsServer> server_;
  std::string address_;
};

constexpr char kGet[] = "GET /a HTTP/1.1\r\nHost: hub.example\r\n\r\n";

TEST_F(HttpsServerTest, KeepsTheConnectionWhateverTheBodies) {
  Serve(Options(), [](const http::Request& request, const TlsPeer&) {
    return Text(absl::StrCat(request.method, " ", request.target, " ", request.body));
  });
  TlsClient client(address_);
  ASSERT_TRUE(client.connected());
  EXPECT_THAT(client.Ask(kGet), EndsWith("\r\n\r\nGET /a "));
  EXPECT_THAT(client.Ask("GET /poll HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}"), EndsWith("GET /poll {}"));
  EXPECT_THAT(
      client.Ask("PUT /c HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
      EndsWith("PUT /c abcde"));
  const std::string large(100'000, 'x');
  EXPECT_THAT(
      client.Ask(absl::StrCat("PUT /d HTTP/1.1\r\ncontent-length: ", large.size(), "\r\n\r\n", large)),
      EndsWith("PUT /d " + large));
  EXPECT_THAT(client.Ask("GET /e HTTP/1.1\r\nconnection: close\r\n\r\n"), HasSubstr("connection: close"));
  EXPECT_EQ(client.Ask(""), "");
}

TEST_F(HttpsServerTest, ShowsTheHandlerWhoAsks) {
  Serve(Options(), [](const http::Request&, const TlsPeer& peer) {
    return Text(absl::StrCat(peer.address, " ", peer.server_name, " ", peer.certificate_chain.size()));
  });
  EXPECT_THAT(TlsClient(address_).Ask(kGet), EndsWith("127.0.0.1 hub.example 0"));
  const testing::TestCa intermediate = ca_.IssueCa("intermediate");
  // The server has never heard of this CA: whose certificate it is, the handler decides.
  const auto identity = testing::WriteIssued(intermediate.IssueClient("device"), directory_.path(), "client");
  EXPECT_THAT(TlsClient(address_, &identity).Ask(kGet), EndsWith("127.0.0.1 hub.example 2"));
  EXPECT_THAT(TlsClient(address_, &identity, TLS1_2_VERSION).Ask(kGet), EndsWith("127.0.0.1 hub.example 2"));
}

TEST_F(HttpsServerTest, RefusesOldTls) {
  Serve(Options(), [](const http::Request&, const TlsPeer&) { return Text("a"); });
  EXPECT_FALSE(TlsClient(address_, nullptr, TLS1_1_VERSION).connected());
}

TEST_F(HttpsServerTest, BoundsAreKept) {
  HttpsOptions options = Options();
  options.body_bytes = 1000;
  options.body_seconds = 1;
  Serve(std::move(options), [](const http::Request&, const TlsPeer&) { return Text("a"); });
  EXPECT_THAT(TlsClient(address_).Ask("PUT /a HTTP/1.1\r\ncontent-length: 1001\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(TlsClient(address_).Ask("PUT /a HTTP/1.1\r\ncontent-length: 10\r\n\r\nx"),
              StartsWith("HTTP/1.1 408 "));
  EXPECT_THAT(TlsClient(address_).Ask("nonsense\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
}

TEST_F(HttpsServerTest, ItsOwnRefusalsAreCompleted) {
  HttpsOptions options = Options();
  options.complete_refusal = [](http::Response& response) {
    response.headers.Add("x-status", absl::StrCat(response.status));
    response.body = "refused";
  };
  Serve(std::move(options),
        [](const http::Request&, const TlsPeer&) -> http::Response { throw std::runtime_error("broken"); });
  const std::string malformed = TlsClient(address_).Ask("nonsense\r\n\r\n");
  EXPECT_THAT(malformed, HasSubstr("x-status: 400"));
  EXPECT_THAT(malformed, EndsWith("\r\n\r\nrefused"));
  EXPECT_THAT(TlsClient(address_).Ask(kGet), HasSubstr("x-status: 500"));
}

TEST_F(HttpsServerTest, NeitherSlowClientsNorSlowHandlersHoldUpOthers) {
  std::mutex mutex;
  std::condition_variable wake;
  bool open = false;
  HttpsOptions options = Options();
  options.workers = 2;
  Serve(std::move(options), [&](const http::Request& request, const TlsPeer&) {
    if (request.target == "/slow") {
      std::unique_lock lock(mutex);
      wake.wait(lock, [&] { return open; });
    }
    return Text(request.target);
  });
  const net::UniqueFd silent[] = {ConnectTcp(address_), ConnectTcp(address_), ConnectTcp(address_)};
  std::string slow;
  std::thread waiting([&] { slow = TlsClient(address_).Ask("GET /slow HTTP/1.1\r\n\r\n"); });
  EXPECT_THAT(TlsClient(address_).Ask(kGet), EndsWith("/a"));
  {
    const std::lock_guard lock(mutex);
    open = true;
  }
  wake.notify_all();
  waiting.join();
  EXPECT_THAT(slow, EndsWith("/slow"));
}

TEST_F(HttpsServerTest, AHandlerThatThrowsIs500) {
  Serve(Options(),
        [](const http::Request&, const TlsPeer&) -> http::Response { throw std::runtime_error("broken"); });
  EXPECT_THAT(TlsClient(address_).Ask(kGet), StartsWith("HTTP/1.1 500 "));
}

TEST_F(HttpsServerTest, ShowsTheNewCertificateAfterAReload) {
  Serve(Options(), [](const http::Request&, const TlsPeer&) { return Text("a"); });
  TlsClient before(address_);
  testing::WriteIssued(ca_.IssueServer("renewed"), directory_.path(), "server");
  ASSERT_TRUE(server_->ReloadCertificate().ok());
  TlsClient after(address_);
  EXPECT_NE(X509_cmp(SSL_get0_peer_certificate(before.ssl()), SSL_get0_peer_certificate(after.ssl())), 0);
  EXPECT_THAT(before.Ask(kGet), EndsWith("\r\n\r\na"));
  std::ofstream(files_.certificate) << "garbage";
  EXPECT_EQ(server_->ReloadCertificate().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(TlsClient(address_).connected());
}

TEST_F(HttpsServerTest, RefusesWhatItCannotUse) {
  const auto refused = [](HttpsOptions options) {
    return HttpsServer::Start(std::move(options),
                              [](const http::Request&, const TlsPeer&) { return Text(""); })
        .status()
        .code();
  };
  HttpsOptions options = Options();
  options.listen = {"127.0.0.1"};
  EXPECT_EQ(refused(options), absl::StatusCode::kInvalidArgument);
  options = Options();
  options.key_file = testing::WriteIssued(ca_.IssueServer(), directory_.path(), "other").private_key;
  EXPECT_EQ(refused(options), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace aziot::server
