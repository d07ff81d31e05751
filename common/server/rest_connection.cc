#include "common/server/rest_connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/http/target.h"
#include "common/log/log.h"
#include "common/log/request_id.h"
#include "common/rpc/errors.h"

namespace aziot::server {
namespace {

// RFC 9113, 3.4.
constexpr absl::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr absl::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
// What a refused client may still send before it reads the answer.
constexpr size_t kLingerBytes = size_t{1} << 20;
constexpr std::chrono::milliseconds kLinger{1000};
// Who is refused hears of it late, so that coming back at once costs nobody anything.
constexpr std::chrono::milliseconds kRefusal{1000};
// Edge-triggered: while a request is worked on, more input waits without waking anybody.
constexpr uint32_t kInput = EPOLLIN | EPOLLRDHUP | EPOLLET;

// The others are answered without a look at their body, so without waiting for it (keys-service.md 2.2, 4 and
// 5).
bool MayHaveBody(absl::string_view method) {
  return method == "POST" || method == "PUT" || method == "DELETE";
}

}  // namespace

// A request on its way; outlives its connection when that ends first.
class RestConnection::Request final : public Call {
 public:
  Request(RestConnection& connection, const rpc::Dispatcher::Handler& handler, rpc::RestCall call)
      : Call(connection.owner_.loop(), *call.method,
             rpc::CallContext(connection.peer_, call.api_version, connection.front_.calls.DeadlineFromNow())),
        connection_(std::static_pointer_cast<RestConnection>(connection.shared_from_this())),
        handler_(handler),
        call_(std::move(call)),
        id_(connection.request_id_) {}

 private:
  absl::Status Handle(const rpc::CallContext& context) override {
    const log::RequestIdScope scope(id_);
    rpc::Reply reply = handler_(context, *call_.request);
    if (!reply.ok()) return reply.status();
    reply_ = *std::move(reply);
    return absl::OkStatus();
  }
  void Answer(const absl::Status& status) override {
    const std::shared_ptr<RestConnection> connection = connection_.lock();
    if (connection == nullptr || connection->state_ != State::kWorking) return;
    try {
      connection->Respond(status.ok() ? rpc::RestApi::FormatReply(call_, *reply_)
                                      : rpc::RestApi::FormatError(status));
    } catch (const std::bad_alloc&) {
      connection->Close();
    }
  }

  const std::weak_ptr<RestConnection> connection_;
  const rpc::Dispatcher::Handler& handler_;
  const rpc::RestCall call_;
  const std::string id_;
  std::unique_ptr<google::protobuf::Message> reply_;
};

RestConnection::RestConnection(const RestFront& front, ConnectionOwner& owner, net::UniqueFd fd,
                               const net::Peer& peer, ConnectionCounts::Place place)
    : Connection(peer),
      front_(front),
      owner_(owner),
      fd_(std::move(fd)),
      place_(std::move(place)),
      timer_(owner.loop(), [this] { OnTimer(); }) {}

RestConnection::~RestConnection() = default;

absl::Status RestConnection::Start() {
  timer_.Arm(front_.bounds.header);
  return owner_.loop().Add(fd_.get(), kInput, *this);
}

void RestConnection::OnEvents(uint32_t events) {
  if (state_ == State::kClosed) return;
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) readable_ = true;
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) ended_ = true;
  if ((events & (EPOLLHUP | EPOLLERR)) != 0) gone_ = true;
  CloseIfNobodyListens();
  if (state_ == State::kWriting) Flush();
  if (HasMore()) owner_.MakeReady(*this);
}

bool RestConnection::HasMore() const {
  if (state_ == State::kReading) return readable_ || !unread_.empty();
  return (state_ == State::kSniffing || state_ == State::kLingering) && readable_;
}

bool RestConnection::Step() {
  if (state_ == State::kSniffing) Sniff();
  if (state_ == State::kReading) Read();
  if (state_ == State::kLingering) Discard();
  return HasMore();
}

void RestConnection::Sniff() {
  char first[kHttp2Preface.size()];
  const ssize_t count = recv(fd_.get(), first, sizeof first, MSG_PEEK);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
    readable_ = errno == EINTR;
    return;
  }
  if (count <= 0) {
    Close();
    return;
  }
  if (!absl::StartsWith(kHttp2Preface, absl::string_view(first, static_cast<size_t>(count)))) {
    state_ = State::kReading;
  } else if (count == static_cast<ssize_t>(sizeof first)) {
    if (!owner_.AdmitsGrpc(peer_.uid)) {
      state_ = State::kRefused;
      timer_.Arm(kRefusal);
      return;
    }
    owner_.loop().Remove(fd_.get());
    owner_.ServeGrpc(std::move(fd_), peer_, *std::move(place_));
    Close();
  } else {
    readable_ = false;
    if (ended_) Close();
  }
}

void RestConnection::Read() {
  BytesView bytes;
  if (!unread_.empty()) {
    const std::string rest = std::exchange(unread_, {});
    Consume(ToBytesView(rest));
  } else if (Fill(bytes)) {
    Consume(bytes);
  }
}

bool RestConnection::Fill(BytesView& bytes) {
  const std::span<uint8_t> buffer = owner_.buffer();
  const ssize_t count = recv(fd_.get(), buffer.data(), buffer.size(), 0);
  if (count < 0 && errno == EINTR) return false;
  if (count < 0 && errno == EAGAIN) {
    readable_ = false;
    return false;
  }
  if (count == 0 && parser_ != nullptr && parser_->header_done()) {
    Refuse(400);  // the rest of the body will not come
    return false;
  }
  if (count <= 0) {
    Close();
    return false;
  }
  // A short read has emptied the socket, unless an end stands behind it that was told already.
  readable_ = ended_ || count == static_cast<ssize_t>(buffer.size());
  bytes = BytesView(buffer.data(), static_cast<size_t>(count));
  return true;
}

void RestConnection::Consume(BytesView bytes) {
  if (parser_ == nullptr) {
    parser_ =
        std::make_unique<http::RequestParser>(http::RequestLimits{.header_bytes = front_.bounds.header_bytes,
                                                                  .fields = front_.bounds.header_fields,
                                                                  .body_bytes = front_.bounds.body_bytes});
  }
  const http::RequestParser::Progress progress = parser_->Feed(bytes);
  switch (progress.state) {
    case http::RequestParser::State::kNeedMore:
      WaitForMore();
      return;
    case http::RequestParser::State::kError:
      Refuse(parser_->error_status());
      return;
    case http::RequestParser::State::kDone:
      break;
  }
  if (progress.consumed < bytes.size()) unread_ = std::string(ToText(bytes.subspan(progress.consumed)));
  Begin(parser_->Take());
}

void RestConnection::WaitForMore() {
  if (parser_->header_done()) {
    if (!MayHaveBody(parser_->method())) {
      readable_ = true;  // the body that nobody wants may be on its way
      Begin(parser_->Take());
      return;
    }
    if (!std::exchange(body_timed_, true)) timer_.Arm(front_.bounds.body);
    if (parser_->expects_continue() && !std::exchange(continued_, true) &&
        send(fd_.get(), kContinue.data(), kContinue.size(), MSG_NOSIGNAL) < 0) {
      Close();
    }
  } else if (parser_->started() && !std::exchange(header_timed_, true)) {
    timer_.Arm(front_.bounds.header);
  }
}

void RestConnection::Begin(http::Request request) {
  body_timed_ = header_timed_ = continued_ = false;
  keep_alive_ = request.keep_alive && !draining_;
  head_only_ = request.method == "HEAD";
  state_ = State::kWorking;
  if (const std::string* id = request.headers.Find(log::kRequestIdHeader);
      id != nullptr && log::IsRequestId(*id))
    request_id_ = *id;
  if (const std::optional<http::Response> response = front_.observing.Answer(request); response.has_value()) {
    Respond(*response);
    return;
  }
  absl::StatusOr<rpc::RestCall> call = front_.api.Parse(request);
  const rpc::Dispatcher::Handler* handler = call.ok() ? front_.dispatcher.Find(call->method) : nullptr;
  if (handler == nullptr) {
    const absl::Status status = call.ok() ? rpc::NoRoute() : call.status();
    // The query may hold what must not be logged.
    front_.calls.Refused(
        peer_.uid,
        absl::CHexEscape(absl::StrCat(request.method, " ", http::ParseTarget(request.target).path)), status);
    Respond(rpc::RestApi::FormatError(status));
    return;
  }
  request_ = std::make_shared<Request>(*this, *handler, *std::move(call));
  if (!front_.calls.Start(std::shared_ptr<Request>(request_))) {
    log::Info("Too many requests of user {} are waiting; a connection was closed", peer_.uid);
    Close();
  }
  CloseIfNobodyListens();
}

// What still waits for its turn would hold a place in the queue for nothing.
void RestConnection::CloseIfNobodyListens() {
  if (gone_ && state_ == State::kRefused) Close();
  if (!gone_ || state_ != State::kWorking) return;
  const std::shared_ptr<Request> request = request_;
  Close();
  front_.calls.Abandon(request);
}

void RestConnection::Refuse(int status) {
  keep_alive_ = false;
  head_only_ = false;
  readable_ = true;  // the rest of what is refused may be on its way
  const absl::Status refusal = rpc::RequestRefused(status);
  front_.calls.Refused(peer_.uid, "a request", refusal);
  // What is not HTTP at all gets a bare 400.
  const bool is_http = status != 400 || parser_->header_done();
  Respond(is_http ? rpc::RestApi::FormatError(refusal) : http::Response{.status = 400});
}

void RestConnection::Respond(const http::Response& response) {
  request_.reset();
  answered_ = true;
  keep_alive_ = keep_alive_ && !draining_;
  std::string wire;
  if (request_id_.empty()) {
    wire = http::FormatResponse(response, keep_alive_);
  } else {
    http::Response named = response;
    named.headers.Add(log::kRequestIdHeader, std::exchange(request_id_, {}));
    wire = http::FormatResponse(named, keep_alive_);
  }
  if (head_only_) wire.resize(wire.find("\r\n\r\n") + 4);
  Send(std::move(wire));
}

void RestConnection::Send(std::string wire) {
  state_ = State::kWriting;
  unsent_ = std::move(wire);
  Flush();
  if (state_ == State::kWriting) timer_.Arm(front_.bounds.body);
}

// Only while an answer waits: otherwise each answer a client reads would wake the reactor.
void RestConnection::ListenForWritable(bool listen) {
  if (std::exchange(told_when_writable_, listen) == listen) return;
  const absl::Status status = owner_.loop().Change(fd_.get(), listen ? kInput | EPOLLOUT : kInput, *this);
  if (!status.ok()) Close();
}

void RestConnection::Flush() {
  while (true) {
    const ssize_t count = send(fd_.get(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) {
      ListenForWritable(true);
      return;
    }
    if (count < 0) {
      Close();
      return;
    }
    if (static_cast<size_t>(count) == unsent_.size()) break;
    unsent_.erase(0, static_cast<size_t>(count));
  }
  std::string().swap(unsent_);  // freed, and wiped where freed memory is: the answer may hold a secret
  ListenForWritable(false);
  if (state_ == State::kWriting) Written();
}

void RestConnection::Written() {
  if (keep_alive_) {
    state_ = State::kReading;
    timer_.Arm(front_.bounds.idle);
    if (HasMore()) owner_.MakeReady(*this);
    return;
  }
  if (ended_ || (!readable_ && unread_.empty())) {
    Close();
    return;
  }
  // Closing over unread input would reset the connection, and the client might never see its answer.
  shutdown(fd_.get(), SHUT_WR);
  state_ = State::kLingering;
  timer_.Arm(kLinger);
  owner_.MakeReady(*this);
}

void RestConnection::Discard() {
  const std::span<uint8_t> buffer = owner_.buffer();
  const ssize_t count = recv(fd_.get(), buffer.data(), buffer.size(), 0);
  if (count > 0) lingered_ += static_cast<size_t>(count);
  if (count < 0 && errno == EAGAIN) {
    readable_ = false;
  } else if (count == 0 || (count < 0 && errno != EINTR) || lingered_ > kLingerBytes) {
    Close();
  }
}

void RestConnection::OnTimer() {
  if (state_ == State::kWorking) return;
  if (state_ == State::kReading && body_timed_) {
    try {
      Refuse(408);
      return;
    } catch (const std::bad_alloc&) {
      return Close();
    }
  }
  Close();
}

void RestConnection::Drain() {
  draining_ = true;
  if (state_ == State::kRefused) Close();
  if (state_ != State::kReading && state_ != State::kSniffing) return;
  if (!answered_ || (parser_ != nullptr && parser_->started()) || HasMore()) return;
  char byte;
  // A request that has just arrived is still answered.
  if (recv(fd_.get(), &byte, 1, MSG_PEEK) > 0) return;
  Close();
}

void RestConnection::Close() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  timer_.Disarm();
  request_.reset();
  if (fd_) {
    // Closing alone would not end the registration while a forked process holds the same socket.
    owner_.loop().Remove(fd_.get());
    fd_.reset();
  }
  place_.reset();
  owner_.Forget(*this);
}

}  // namespace aziot::server
