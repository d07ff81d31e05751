#include "common/server/https_server.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/server/event_loop.h"
#include "common/server/https_connection.h"
#include "common/server/lanes.h"
#include "common/server/tls_context.h"
#include "common/status/errno_status.h"
#include "common/status/status_macros.h"

namespace aziot::server {
namespace {

constexpr int kLoops = 2;
constexpr int kWaitingRequests = 10'000;
constexpr int kAcceptsAtOnce = 16;
constexpr std::chrono::milliseconds kAcceptPause{50};
const Lane kWorkers = Lane::Named("https");

std::string HostOf(const sockaddr_storage& address, socklen_t size, std::string* port = nullptr) {
  char host[NI_MAXHOST] = "", service[NI_MAXSERV] = "";
  getnameinfo(reinterpret_cast<const sockaddr*>(&address), size, host, sizeof host, service, sizeof service,
              NI_NUMERICHOST | NI_NUMERICSERV);
  if (port != nullptr) *port = service;
  return host;
}

bool IsLoopback(absl::string_view address) { return absl::StartsWith(address, "127.") || address == "::1"; }

absl::StatusOr<net::UniqueFd> ListenTcp(const std::string& text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) {
    return absl::InvalidArgumentError(absl::StrCat("address '", text, "': must be HOST:PORT"));
  }
  std::string host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  const addrinfo hints{.ai_flags = AI_PASSIVE, .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
  addrinfo* found = nullptr;
  const int error =
      getaddrinfo(host.empty() ? nullptr : host.c_str(), text.substr(colon + 1).c_str(), &hints, &found);
  if (error != 0)
    return absl::InvalidArgumentError(absl::StrCat("address '", text, "': ", gai_strerror(error)));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, freeaddrinfo);
  net::UniqueFd fd(socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return ErrnoStatus(errno, "socket");
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (found->ai_family == AF_INET6) setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (bind(fd.get(), found->ai_addr, found->ai_addrlen) != 0)
    return ErrnoStatus(errno, absl::StrCat("bind ", text));
  if (listen(fd.get(), SOMAXCONN) != 0) return ErrnoStatus(errno, absl::StrCat("listen ", text));
  return fd;
}

absl::StatusOr<std::string> AddressOf(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    return ErrnoStatus(errno, "getsockname");
  std::string port;
  const std::string host = HostOf(address, size, &port);
  return address.ss_family == AF_INET6 ? absl::StrCat("[", host, "]:", port) : absl::StrCat(host, ":", port);
}

class TlsServer final : public HttpsServer {
 public:
  TlsServer(HttpsOptions options, Handler handler)
      : options_(std::move(options)),
        handler_(std::move(handler)),
        workers_({{.lane = kWorkers, .threads = std::max(options_.workers, 1), .waiting = kWaitingRequests}}),
        around_{
            .options = options_,
            .work = [this](std::shared_ptr<HttpsConnection> connection,
                           http::Request request) { return Work(std::move(connection), std::move(request)); },
            .forget = [this](HttpsConnection& connection) { Forget(connection); }} {}

  ~TlsServer() override {
    workers_.Stop();
    for (const std::unique_ptr<EventLoop>& loop : loops_) loop->Quit();
    for (std::thread& thread : threads_) thread.join();
  }

  absl::Status Start() {
    RETURN_IF_ERROR(ReloadCertificate());
    for (int i = 0; i < kLoops; ++i) {
      ASSIGN_OR_RETURN(std::unique_ptr<EventLoop> loop, EventLoop::New());
      loops_.push_back(std::move(loop));
    }
    for (const std::string& text : options_.listen) {
      ASSIGN_OR_RETURN(net::UniqueFd fd, ListenTcp(text));
      ASSIGN_OR_RETURN(std::string address, AddressOf(fd.get()));
      addresses_.push_back(std::move(address));
      acceptors_.push_back(std::make_unique<Acceptor>(*this, *loops_[0], std::move(fd)));
      RETURN_IF_ERROR(acceptors_.back()->Start());
    }
    for (const std::unique_ptr<EventLoop>& loop : loops_) threads_.emplace_back([&loop] { loop->Run(); });
    return absl::OkStatus();
  }

  const std::vector<std::string>& addresses() const override { return addresses_; }

  absl::Status ReloadCertificate() override {
    ASSIGN_OR_RETURN(std::shared_ptr<SSL_CTX> context,
                     NewTlsContext(options_.certificate_file, options_.key_file));
    const std::lock_guard lock(mutex_);
    context_ = std::move(context);
    return absl::OkStatus();
  }

 private:
  class Acceptor final : public EventLoop::Source {
   public:
    Acceptor(TlsServer& server, EventLoop& loop, net::UniqueFd fd)
        : server_(server), loop_(loop), fd_(std::move(fd)), again_(loop, [this] {
            if (!Start().ok()) again_.Arm(kAcceptPause);
          }) {}
    absl::Status Start() { return loop_.Add(fd_.get(), EPOLLIN, *this); }

    void OnEvents(uint32_t) override {
      for (int i = 0; i < kAcceptsAtOnce; ++i) {
        sockaddr_storage address{};
        socklen_t size = sizeof address;
        net::UniqueFd fd(
            accept4(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (fd) {
          server_.Admit(std::move(fd), HostOf(address, size));
          continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
          // The socket stays readable; without a pause the loop would spin until a descriptor is free.
          loop_.Remove(fd_.get());
          again_.Arm(kAcceptPause);
        }
        return;
      }
    }

   private:
    TlsServer& server_;
    EventLoop& loop_;
    net::UniqueFd fd_;
    EventLoop::Timer again_;
  };

  void Admit(net::UniqueFd fd, std::string address) {
    const int on = 1;
    setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    EventLoop& loop = *loops_[next_++ % loops_.size()];
    const std::lock_guard lock(mutex_);
    const int mine = per_address_[address];
    if (connections_.size() >= static_cast<size_t>(options_.connections) ||
        (mine >= options_.connections_per_address && !IsLoopback(address))) {
      if (mine == 0) per_address_.erase(address);
      return;
    }
    SslPtr ssl(SSL_new(context_.get()));
    if (ssl == nullptr) return;
    auto connection =
        std::make_shared<HttpsConnection>(loop, around_, std::move(fd), std::move(ssl), address);
    ++per_address_[address];
    connections_.emplace(connection.get(), connection);
    loop.Post([connection] {
      const absl::Status status = connection->Start();
      if (!status.ok()) log::Error("a connection hangs: {}", status);
    });
  }

  void Forget(HttpsConnection& connection) {
    const std::lock_guard lock(mutex_);
    const auto found = connections_.find(&connection);
    if (found == connections_.end()) return;
    const auto mine = per_address_.find(connection.peer().address);
    if (--mine->second == 0) per_address_.erase(mine);
    connection.loop().Retire(std::move(found->second));
    connections_.erase(found);
  }

  bool Work(std::shared_ptr<HttpsConnection> connection, http::Request request) {
    // Served one address after the other; two that fall together only share a turn.
    const auto key = static_cast<uid_t>(std::hash<std::string>()(connection->peer().address));
    auto shared = std::make_shared<const http::Request>(std::move(request));
    return workers_.Submit(kWorkers, key, [this, connection, shared] {
      auto response = std::make_shared<const http::Response>(Handle(*shared, connection->peer()));
      connection->loop().Post([connection, response] { connection->Answer(*response); });
    }) == Lanes::Submitted::kYes;
  }

  http::Response Handle(const http::Request& request, const TlsPeer& peer) {
    try {
      return handler_(request, peer);
    } catch (const std::exception& error) {
      log::Error("{} {}: {}", request.method, request.target.substr(0, request.target.find('?')),
                 error.what());
      return NewRefusal(options_, 500);
    }
  }

  const HttpsOptions options_;
  const Handler handler_;
  std::vector<std::unique_ptr<EventLoop>> loops_;
  Lanes workers_;
  const HttpsConnection::Surroundings around_;
  std::vector<std::string> addresses_;
  std::vector<std::unique_ptr<Acceptor>> acceptors_;
  std::atomic<size_t> next_{0};
  std::mutex mutex_;
  std::shared_ptr<SSL_CTX> context_;  // guarded by mutex_, as what follows
  std::map<HttpsConnection*, std::shared_ptr<HttpsConnection>> connections_;
  std::map<std::string, int> per_address_;
  std::vector<std::thread> threads_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HttpsServer>> HttpsServer::Start(HttpsOptions options, Handler handler) {
  auto server = std::make_unique<TlsServer>(std::move(options), std::move(handler));
  RETURN_IF_ERROR(server->Start());
  return server;
}

}  // namespace aziot::server
