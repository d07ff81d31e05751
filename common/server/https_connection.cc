#include "common/server/https_connection.h"

#include <openssl/err.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace aziot::server {
namespace {

constexpr size_t kReadBytes = 16 * 1024;  // one TLS record
// In a row, before other connections have their turn.
constexpr int kStepsAtOnce = 16;
constexpr std::chrono::milliseconds kLinger{1000};
constexpr char kContinue[] = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace

http::Response NewRefusal(const HttpsOptions& options, int status) {
  http::Response response{.status = status};
  if (options.complete_refusal) options.complete_refusal(response);
  return response;
}

HttpsConnection::HttpsConnection(EventLoop& loop, const Surroundings& around, net::UniqueFd fd, SslPtr ssl,
                                 std::string address)
    : loop_(loop),
      around_(around),
      fd_(std::move(fd)),
      ssl_(std::move(ssl)),
      timer_(loop, [this] { OnTimer(); }),
      parser_({.header_bytes = around.options.header_bytes, .body_bytes = around.options.body_bytes}) {
  peer_.address = std::move(address);
}

absl::Status HttpsConnection::Start() {
  SSL_set_fd(ssl_.get(), fd_.get());
  SSL_set_accept_state(ssl_.get());
  timer_.Arm(std::chrono::seconds(around_.options.header_seconds));
  return loop_.Add(fd_.get(), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, *this);
}

void HttpsConnection::OnEvents(uint32_t) { Progress(); }

void HttpsConnection::Progress() {
  for (int i = 0; i < kStepsAtOnce; ++i) {
    bool more = false;
    switch (state_) {
      case State::kHandshake:
        more = Handshake();
        break;
      case State::kReading:
        more = Read();
        break;
      case State::kWriting:
        more = Write();
        break;
      case State::kLingering:
        more = Discard();
        break;
      case State::kWorking:
      case State::kClosed:
        break;
    }
    if (!more) return;
  }
  loop_.Post([self = shared_from_this()] { self->Progress(); });
}

bool HttpsConnection::WaitOrClose(int result) {
  const int error = SSL_get_error(ssl_.get(), result);
  if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) Close();
  return false;
}

bool HttpsConnection::Handshake() {
  ERR_clear_error();
  if (const int result = SSL_do_handshake(ssl_.get()); result != 1) return WaitOrClose(result);
  ReadTlsPeer(ssl_.get(), peer_);
  state_ = State::kReading;
  header_timed_ = true;
  timer_.Arm(std::chrono::seconds(around_.options.header_seconds));
  return true;
}

bool HttpsConnection::Read() {
  if (!unread_.empty()) {
    const std::string bytes = std::exchange(unread_, {});
    return Consume(ToBytesView(bytes));
  }
  uint8_t buffer[kReadBytes];
  ERR_clear_error();
  const int count = SSL_read(ssl_.get(), buffer, sizeof buffer);
  if (count <= 0) return WaitOrClose(count);
  return Consume(BytesView(buffer, static_cast<size_t>(count)));
}

bool HttpsConnection::Consume(BytesView bytes) {
  const http::RequestParser::Progress progress = parser_.Feed(bytes);
  if (progress.state == http::RequestParser::State::kError) {
    Refuse(parser_.error_status());
    return true;
  }
  if (progress.state == http::RequestParser::State::kDone) {
    unread_ = std::string(ToText(bytes.subspan(progress.consumed)));
    header_timed_ = body_timed_ = continued_ = false;
    http::Request request = parser_.Take();
    keep_alive_ = request.keep_alive;
    head_only_ = request.method == "HEAD";
    state_ = State::kWorking;
    timer_.Disarm();
    if (around_.work(shared_from_this(), std::move(request))) return false;
    Respond(NewRefusal(around_.options, 503));
    return true;
  }
  if (parser_.header_done()) {
    if (!std::exchange(body_timed_, true)) timer_.Arm(std::chrono::seconds(around_.options.body_seconds));
    if (parser_.expects_continue() && !std::exchange(continued_, true)) {
      // Small and the first of its direction for a while: it fits the send buffer, or the client is not worth
      // serving.
      ERR_clear_error();
      const int count = SSL_write(ssl_.get(), kContinue, sizeof kContinue - 1);
      if (count <= 0) Close();
    }
  } else if (parser_.started() && !std::exchange(header_timed_, true)) {
    timer_.Arm(std::chrono::seconds(around_.options.header_seconds));
  }
  return state_ == State::kReading;
}

void HttpsConnection::Answer(const http::Response& response) {
  if (state_ == State::kClosed) return;
  Respond(response);
  Progress();
}

void HttpsConnection::Respond(const http::Response& response) {
  unsent_ = http::FormatResponse(response, keep_alive_);
  if (head_only_) unsent_.resize(unsent_.find("\r\n\r\n") + 4);
  state_ = State::kWriting;
  timer_.Arm(std::chrono::seconds(around_.options.body_seconds));
}

void HttpsConnection::Refuse(int status) {
  keep_alive_ = head_only_ = false;
  Respond(NewRefusal(around_.options, status));
}

bool HttpsConnection::Write() {
  ERR_clear_error();
  const int count = SSL_write(ssl_.get(), unsent_.data(), static_cast<int>(unsent_.size()));
  if (count <= 0) return WaitOrClose(count);
  unsent_.erase(0, static_cast<size_t>(count));
  if (!unsent_.empty()) return true;
  if (keep_alive_) {
    state_ = State::kReading;
    timer_.Arm(std::chrono::seconds(around_.options.idle_seconds));
    return true;
  }
  // Closing over unread input would reset the connection, and the client might never see its answer.
  SSL_shutdown(ssl_.get());
  shutdown(fd_.get(), SHUT_WR);
  state_ = State::kLingering;
  timer_.Arm(kLinger);
  return true;
}

bool HttpsConnection::Discard() {
  char buffer[kReadBytes];
  const ssize_t count = recv(fd_.get(), buffer, sizeof buffer, 0);
  if (count > 0) return true;
  if (count == 0 || (errno != EAGAIN && errno != EINTR)) Close();
  return false;
}

void HttpsConnection::OnTimer() {
  if (state_ == State::kReading && body_timed_) {
    Refuse(408);
    Progress();
    return;
  }
  Close();
}

void HttpsConnection::Close() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  timer_.Disarm();
  // Closing alone would not end the registration while a forked process holds the same socket.
  loop_.Remove(fd_.get());
  fd_.reset();
  around_.forget(*this);
}

}  // namespace aziot::server
