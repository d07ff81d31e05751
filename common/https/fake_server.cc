#include "common/https/fake_server.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace aziot::https {
namespace {

using SslCtxPtr = std::unique_ptr<SSL_CTX, openssl::FreeWith<SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, openssl::FreeWith<SSL_free>>;

void Require(bool condition) {
  if (!condition) std::abort();
}

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

// A connection's bytes, through TLS when `ssl` is set.
class Stream {
 public:
  Stream(int descriptor, SSL* ssl) : descriptor_(descriptor), ssl_(ssl) {}

  // The next whole request; "" when the connection ended.
  std::string ReadRequest() {
    while (true) {
      const size_t end = buffer_.find("\r\n\r\n");
      if (end != std::string::npos && buffer_.size() >= end + 4 + BodySize(end)) {
        std::string request = buffer_.substr(0, end + 4 + BodySize(end));
        buffer_.erase(0, request.size());
        return request;
      }
      std::array<char, 16384> chunk;
      const ssize_t count = ssl_ != nullptr ? SSL_read(ssl_, chunk.data(), static_cast<int>(chunk.size()))
                                            : recv(descriptor_, chunk.data(), chunk.size(), 0);
      if (count <= 0) return "";
      buffer_.append(chunk.data(), static_cast<size_t>(count));
    }
  }

  void Write(absl::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ssl_ != nullptr ? SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()))
                                            : send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return;
      bytes.remove_prefix(static_cast<size_t>(count));
    }
  }

 private:
  size_t BodySize(size_t header_end) const {
    const std::string headers = absl::AsciiStrToLower(buffer_.substr(0, header_end + 2));
    const size_t at = headers.find("\r\ncontent-length:");
    if (at == std::string::npos) return 0;
    size_t size = 0;
    Require(absl::SimpleAtoi(headers.substr(at + 17, headers.find('\r', at + 17) - at - 17), &size));
    return size;
  }

  int descriptor_;
  SSL* ssl_;
  std::string buffer_;
};

// Copies both ways until one side ends.
void Pump(int a, int b) {
  while (true) {
    std::array<pollfd, 2> sides{{{a, POLLIN, 0}, {b, POLLIN, 0}}};
    if (poll(sides.data(), sides.size(), -1) < 0) return;
    for (const auto& [from, to] : {std::pair{0, 1}, std::pair{1, 0}}) {
      if (sides[from].revents == 0) continue;
      std::array<char, 16384> chunk;
      const ssize_t count = recv(sides[from].fd, chunk.data(), chunk.size(), 0);
      if (count <= 0) return;
      Stream(sides[to].fd, nullptr).Write({chunk.data(), static_cast<size_t>(count)});
    }
  }
}

}  // namespace

LoopbackServer::LoopbackServer(std::function<void(int)> serve)
    : serve_(std::move(serve)), listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  std::signal(SIGPIPE, SIG_IGN);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  Require(bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0 && listen(listener_, 16) == 0 &&
          getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  port_ = ntohs(address.sin_port);
  accepting_ = std::thread([this] { Accept(); });
}

LoopbackServer::~LoopbackServer() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
    ended_.notify_all();
    shutdown(listener_, SHUT_RDWR);
    for (const int descriptor : descriptors_) shutdown(descriptor, SHUT_RDWR);
  }
  accepting_.join();
  for (std::thread& thread : threads_) thread.join();
  for (const int descriptor : descriptors_) close(descriptor);
  close(listener_);
}

void LoopbackServer::Accept() {
  while (true) {
    const int descriptor = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    std::lock_guard lock(mutex_);
    if (descriptor < 0) return;
    descriptors_.push_back(descriptor);
    if (ending_) return;
    threads_.emplace_back([this, descriptor] {
      serve_(descriptor);
      shutdown(descriptor, SHUT_RDWR);
    });
  }
}

int LoopbackServer::connections() const {
  std::lock_guard lock(mutex_);
  return static_cast<int>(descriptors_.size());
}

void LoopbackServer::WaitForEnd() {
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [this] { return ending_; });
}

std::string FormatReply(absl::string_view status, absl::string_view headers, absl::string_view body) {
  return absl::StrCat("HTTP/1.1 ", status, "\r\n", headers, "Content-Length: ", body.size(), "\r\n\r\n",
                      body);
}

struct FakeServer::Tls {
  SslCtxPtr context;
};

FakeServer::FakeServer(Answer answer, const std::optional<testing::Issued>& identity,
                       const std::string& client_root)
    : answer_(std::move(answer)) {
  if (identity.has_value()) {
    tls_ = std::make_unique<Tls>();
    tls_->context.reset(SSL_CTX_new(TLS_server_method()));
    const openssl::BioPtr certificate(BIO_new_mem_buf(identity->certificate.data(), -1));
    const openssl::BioPtr key(BIO_new_mem_buf(identity->private_key.data(), -1));
    const openssl::X509Ptr leaf(PEM_read_bio_X509(certificate.get(), nullptr, nullptr, nullptr));
    const openssl::PkeyPtr pkey(PEM_read_bio_PrivateKey(key.get(), nullptr, nullptr, nullptr));
    Require(SSL_CTX_use_certificate(tls_->context.get(), leaf.get()) == 1 &&
            SSL_CTX_use_PrivateKey(tls_->context.get(), pkey.get()) == 1);
    if (!client_root.empty()) {
      const openssl::BioPtr root_text(BIO_new_mem_buf(client_root.data(), -1));
      const openssl::X509Ptr root(PEM_read_bio_X509(root_text.get(), nullptr, nullptr, nullptr));
      Require(X509_STORE_add_cert(SSL_CTX_get_cert_store(tls_->context.get()), root.get()) == 1);
      SSL_CTX_set_verify(tls_->context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    }
  }
  server_ = std::make_unique<LoopbackServer>([this](int descriptor) { Serve(descriptor); });
}

FakeServer::~FakeServer() = default;

std::string FakeServer::Url(absl::string_view path) const {
  return absl::StrCat(tls_ == nullptr ? "http" : "https", "://localhost:", port(), path);
}

std::vector<std::string> FakeServer::requests() const {
  std::lock_guard lock(mutex_);
  return requests_;
}

std::vector<std::string> FakeServer::clients() const {
  std::lock_guard lock(mutex_);
  return clients_;
}

void FakeServer::Serve(int descriptor) {
  SslPtr ssl;
  if (tls_ != nullptr) {
    ssl.reset(SSL_new(tls_->context.get()));
    if (SSL_set_fd(ssl.get(), descriptor) != 1 || SSL_accept(ssl.get()) != 1) return;
    if (const openssl::X509Ptr client{SSL_get1_peer_certificate(ssl.get())}) {
      std::array<char, 256> name{};
      X509_NAME_get_text_by_NID(X509_get_subject_name(client.get()), NID_commonName, name.data(),
                                name.size());
      std::lock_guard lock(mutex_);
      clients_.emplace_back(name.data());
    }
  }
  Stream stream(descriptor, ssl.get());
  while (true) {
    const std::string request = stream.ReadRequest();
    if (request.empty()) return;
    {
      std::lock_guard lock(mutex_);
      requests_.push_back(request);
    }
    const Reply reply = answer_(request);
    stream.Write(reply.bytes);
    switch (reply.then) {
      case Reply::Then::kKeep:
        break;
      case Reply::Then::kHang:
        server_->WaitForEnd();
        return;
      case Reply::Then::kReset: {
        // AF_UNSPEC drops the connection with a RST, and the descriptor stays ours.
        sockaddr none{};
        none.sa_family = AF_UNSPEC;
        connect(descriptor, &none, sizeof(none));
        return;
      }
      case Reply::Then::kClose:
        return;
    }
  }
}

FakeProxy::FakeProxy(int target_port, std::string authorization)
    : target_port_(target_port),
      authorization_(std::move(authorization)),
      server_(std::make_unique<LoopbackServer>([this](int descriptor) { Serve(descriptor); })) {}

std::vector<std::string> FakeProxy::requests() const {
  std::lock_guard lock(mutex_);
  return requests_;
}

void FakeProxy::Serve(int descriptor) {
  Stream stream(descriptor, nullptr);
  const std::string request = stream.ReadRequest();
  {
    std::lock_guard lock(mutex_);
    requests_.push_back(request);
  }
  if (!authorization_.empty() &&
      !absl::StrContains(request, absl::StrCat("\r\nProxy-Authorization: ", authorization_, "\r\n"))) {
    stream.Write(
        FormatReply("407 Proxy Authentication Required", "Proxy-Authenticate: Basic realm=\"x\"\r\n"));
    return;
  }
  const int target = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(target_port_);
  Require(connect(target, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  stream.Write("HTTP/1.1 200 Connection established\r\nX-Proxy: 1\r\n\r\n");
  Pump(descriptor, target);
  close(target);
}

}  // namespace aziot::https
