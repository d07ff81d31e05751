#include "aziotctl/checks/loopback_for_test.h"

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>

#include "absl/strings/str_cat.h"
#include "common/openssl/certificate.h"
#include "common/openssl/owned.h"

namespace aziot::ctl {
namespace {

using SslCtxPtr = std::unique_ptr<SSL_CTX, openssl::FreeWith<SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, openssl::FreeWith<SSL_free>>;

net::UniqueFd BindLoopback(int type, const std::string& address, uint16_t& port) {
  net::UniqueFd fd(socket(AF_INET, type | SOCK_CLOEXEC, 0));
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(port);
  inet_pton(AF_INET, address.c_str(), &name.sin_addr);
  socklen_t size = sizeof name;
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&name), size) != 0 ||
      getsockname(fd.get(), reinterpret_cast<sockaddr*>(&name), &size) != 0) {
    std::abort();
  }
  port = ntohs(name.sin_port);
  return fd;
}

}  // namespace

TlsListener::TlsListener(const std::string& address, uint16_t port, const testing::Issued& identity)
    : port_(port) {
  listener_ = BindLoopback(SOCK_STREAM, address, port_);
  if (listen(listener_.get(), 16) != 0) std::abort();
  thread_ = std::thread([this, identity] { Serve(identity); });
}

TlsListener::~TlsListener() {
  shutdown(listener_.get(), SHUT_RDWR);
  thread_.join();
}

void TlsListener::Serve(const testing::Issued& identity) {
  const SslCtxPtr context(SSL_CTX_new(TLS_server_method()));
  const auto certificates = openssl::ParseCertificates(identity.certificate);
  const auto key = openssl::ParsePrivateKey(identity.private_key);
  if (!certificates.ok() || !key.ok()) std::abort();
  SSL_CTX_use_certificate(context.get(), certificates->front().get());
  SSL_CTX_use_PrivateKey(context.get(), key->get());
  while (true) {
    const net::UniqueFd connection(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (connection.get() < 0) return;
    const SslPtr ssl(SSL_new(context.get()));
    SSL_set_fd(ssl.get(), connection.get());
    if (SSL_accept(ssl.get()) == 1) SSL_shutdown(ssl.get());
  }
}

UdpServer::UdpServer(std::function<std::string(const std::string&)> answer) {
  socket_ = BindLoopback(SOCK_DGRAM, "127.0.0.1", port_);
  thread_ = std::thread([this, answer = std::move(answer)] {
    while (true) {
      char buffer[512];
      sockaddr_storage peer{};
      socklen_t size = sizeof peer;
      const ssize_t count =
          recvfrom(socket_.get(), buffer, sizeof buffer, 0, reinterpret_cast<sockaddr*>(&peer), &size);
      if (count <= 0) return;
      const std::string text = answer(std::string(buffer, static_cast<size_t>(count)));
      if (!text.empty())
        sendto(socket_.get(), text.data(), text.size(), 0, reinterpret_cast<sockaddr*>(&peer), size);
    }
  });
}

UdpServer::~UdpServer() {
  shutdown(socket_.get(), SHUT_RDWR);
  thread_.join();
}

std::string UdpServer::Address() const { return absl::StrCat("127.0.0.1:", port_); }

}  // namespace aziot::ctl
