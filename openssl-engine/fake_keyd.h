// FakeKeyd: what stands at the other end of the socket in this room's tests. The lower half serves
// connections by a script, so that a test can break the wire at any byte; KeyServer on top of it really holds
// keys and answers as keyd does.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "openssl-engine/owned.h"

namespace aziot::openssl_engine {

// Serves one connection at a time on a socket in a directory of its own, until it is destroyed.
class FakeKeyd {
 public:
  // Called for each connection, on the server's thread; the connection is closed when it returns.
  using Script = std::function<void(int connection)>;

  explicit FakeKeyd(Script script);
  ~FakeKeyd();
  FakeKeyd(const FakeKeyd&) = delete;
  FakeKeyd& operator=(const FakeKeyd&) = delete;

  const std::string& socket_path() const { return socket_path_; }
  int connections() const { return connections_; }

 private:
  void Serve();

  const Script script_;
  std::string directory_;
  std::string socket_path_;
  int listener_ = -1;
  int stop_[2] = {-1, -1};
  std::atomic<int> connections_{0};
  std::thread thread_;
};

// The whole of one request: head, and as much body as its content-length says. Empty when the peer closed.
std::string ReadRequest(int connection);
void WriteAll(int connection, std::string_view bytes);
// An answer as keyd writes it.
std::string FormatAnswer(int status, std::string_view body);

// A keyd whose key pairs are EVP_PKEYs, and on the same socket a certd. Handles are `sr=<id>&sig=x+/=`.
class KeyServer {
 public:
  KeyServer();

  // The key behind `id`, now or from now on.
  void SetKey(const std::string& id, EVP_PKEY* key);
  // What certd answers for the certificate `id`.
  void SetChain(const std::string& id, std::string pem);
  // Every call is answered with this from now on; 0 ends it.
  void Refuse(int status, std::string message);

  static std::string HandleOf(const std::string& id) { return "sr=" + id + "&sig=x+/="; }
  const std::string& socket_path() const { return fake_.socket_path(); }
  // ;socket=... for a URI
  std::string SocketAttribute() const;
  // Path and body of the last call.
  std::string LastRequest() const;

 private:
  std::string Answer(const std::string& request);
  std::string AnswerOfCertd(const std::string& path) const;
  std::string Parameter(EVP_PKEY* key, const std::string& name);

  mutable std::mutex mutex_;
  std::map<std::string, PkeyPtr> keys_;
  std::map<std::string, std::string> chains_;
  int refusal_ = 0;
  std::string refusal_message_;
  std::string last_request_;
  FakeKeyd fake_;  // last: its thread uses all of the above
};

}  // namespace aziot::openssl_engine
