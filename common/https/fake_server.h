// For tests: an HTTP server, with TLS or without, and a CONNECT proxy, on loopback ports of their own.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/testing/test_ca.h"

namespace aziot::https {

// Listens on 127.0.0.1 and runs `serve` on a thread for each connection; the destructor ends all of them.
class LoopbackServer {
 public:
  explicit LoopbackServer(std::function<void(int)> serve);
  ~LoopbackServer();

  int port() const { return port_; }
  int connections() const;
  // Returns when the server is being ended.
  void WaitForEnd();

 private:
  void Accept();

  std::function<void(int)> serve_;
  int listener_;
  int port_ = 0;
  mutable std::mutex mutex_;
  std::condition_variable ended_;
  bool ending_ = false;
  std::vector<int> descriptors_;
  std::vector<std::thread> threads_;
  std::thread accepting_;
};

struct Reply {
  enum class Then { kKeep, kClose, kReset, kHang };
  std::string bytes;
  Then then = Then::kKeep;
};
// "HTTP/1.1 <status>", `headers` (each with its line break), content-length and body.
std::string FormatReply(absl::string_view status, absl::string_view headers = "",
                        absl::string_view body = "");

class FakeServer {
 public:
  using Answer = std::function<Reply(const std::string& request)>;

  // `client_root`: PEM of whom a client's certificate must come from; "" for demanding none.
  explicit FakeServer(Answer answer, const std::optional<testing::Issued>& identity = std::nullopt,
                      const std::string& client_root = "");
  ~FakeServer();

  std::string Url(absl::string_view path) const;
  int port() const { return server_->port(); }
  int connections() const { return server_->connections(); }
  std::vector<std::string> requests() const;
  // The common name of each client that showed a certificate, in the order of handshakes.
  std::vector<std::string> clients() const;

 private:
  struct Tls;
  void Serve(int descriptor);

  Answer answer_;
  std::unique_ptr<Tls> tls_;
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
  std::vector<std::string> clients_;
  std::unique_ptr<LoopbackServer> server_;
};

// Tunnels every CONNECT to the given loopback port, or answers 407 unless the credentials are
// `authorization`.
class FakeProxy {
 public:
  FakeProxy(int target_port, std::string authorization);
  int port() const { return server_->port(); }
  std::vector<std::string> requests() const;

 private:
  void Serve(int descriptor);

  const int target_port_;
  const std::string authorization_;
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
  std::unique_ptr<LoopbackServer> server_;
};

}  // namespace aziot::https
