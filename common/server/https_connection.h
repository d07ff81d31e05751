// One TLS connection of HttpsServer: handshake, requests in order, deadlines. Lives on its loop's thread;
// handlers run elsewhere and their answers come back as tasks.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/http/message.h"
#include "common/http/request_parser.h"
#include "common/net/unique_fd.h"
#include "common/server/event_loop.h"
#include "common/server/https_server.h"
#include "common/server/tls_context.h"

namespace aziot::server {

// The server's own answer to a request that no handler saw to its end.
http::Response NewRefusal(const HttpsOptions& options, int status);

class HttpsConnection final : public EventLoop::Source, public std::enable_shared_from_this<HttpsConnection> {
 public:
  struct Surroundings {
    const HttpsOptions& options;
    // Runs the handler on a worker; the answer comes back through Answer on the loop. False when none can
    // take it.
    std::function<bool(std::shared_ptr<HttpsConnection>, http::Request)> work;
    std::function<void(HttpsConnection&)> forget;
  };

  HttpsConnection(EventLoop& loop, const Surroundings& around, net::UniqueFd fd, SslPtr ssl,
                  std::string address);

  absl::Status Start();
  void OnEvents(uint32_t events) override;
  void Answer(const http::Response& response);
  EventLoop& loop() { return loop_; }
  // Complete once a request has come; constant from then on.
  const TlsPeer& peer() const { return peer_; }

 private:
  enum class State { kHandshake, kReading, kWorking, kWriting, kLingering, kClosed };

  void Progress();
  // Each: true when there is more to do at once.
  bool Handshake();
  bool Read();
  bool Consume(BytesView bytes);
  bool Write();
  bool Discard();
  // What a call to OpenSSL said when it did not succeed: waits, or closes.
  bool WaitOrClose(int result);
  // Sets the answer up; Progress sends it.
  void Respond(const http::Response& response);
  void Refuse(int status);
  void OnTimer();
  void Close();

  EventLoop& loop_;
  const Surroundings& around_;
  net::UniqueFd fd_;
  SslPtr ssl_;
  TlsPeer peer_;
  EventLoop::Timer timer_;
  http::RequestParser parser_;
  std::string unread_;
  std::string unsent_;
  State state_ = State::kHandshake;
  bool keep_alive_ = true;
  bool head_only_ = false;
  bool header_timed_ = false;
  bool body_timed_ = false;
  bool continued_ = false;
};

}  // namespace aziot::server
