#include "common/server/grpc_relay.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/time/clock.h"
#include "common/log/log.h"
#include "common/status/status_macros.h"

namespace aziot::server {
namespace {

constexpr uint32_t kInput = EPOLLIN | EPOLLRDHUP | EPOLLET;
// RFC 9113, 6.8 and 7: GOAWAY, no stream named as the last one, ENHANCE_YOUR_CALM.
constexpr absl::string_view kCalm("\0\0\x08\x07\0\0\0\0\0\x7f\xff\xff\xff\0\0\0\x0b", 17);

// Of all reactors together, so that a flood of connections that are cut off is not a flood of lines.
void LogCut(uid_t uid, absl::string_view why) {
  static std::atomic<int64_t> last_second{-1};
  const int64_t second = absl::ToUnixSeconds(absl::Now());
  if (last_second.exchange(second) != second)
    log::Warn("A gRPC connection of user {} was cut off: {}", uid, why);
}

}  // namespace

GrpcRelay::GrpcRelay(const GrpcRelays& shared, ConnectionOwner& owner, net::UniqueFd client,
                     net::UniqueFd grpc, const net::Peer& peer,
                     std::shared_ptr<const ConnectionCounts::Place> place)
    : Connection(peer),
      shared_(shared),
      owner_(owner),
      client_(*this, std::move(client)),
      grpc_(*this, std::move(grpc)),
      place_(std::move(place)),
      meter_(shared.allowance, peer.uid, EventLoop::Steady::now()),
      timer_(owner.loop(), [this] { OnTimer(); }) {}

void GrpcRelay::Side::DropUnsent() {
  explicit_bzero(unsent.data(), unsent.capacity());
  std::string().swap(unsent);
}

absl::Status GrpcRelay::Start() {
  RETURN_IF_ERROR(owner_.loop().Add(client_.fd.get(), kInput, *this));
  const absl::Status added = owner_.loop().Add(grpc_.fd.get(), kInput, grpc_);
  if (!added.ok()) owner_.loop().Remove(client_.fd.get());
  return added;
}

void GrpcRelay::OnEvents(Side& side, uint32_t events) {
  if (closed_) return;
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) side.readable = true;
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) side.ended = true;
  if (&side == &client_ && (events & (EPOLLHUP | EPOLLERR)) != 0) {
    Close();  // nobody hears what its calls would answer
    return;
  }
  if (!side.unsent.empty() && !Flush(side)) return;
  if (MayRead(client_, grpc_) || MayRead(grpc_, client_)) owner_.MakeReady(*this);
}

bool GrpcRelay::Step() {
  if (!closed_ && MayRead(client_, grpc_)) PassOn(client_, grpc_);
  if (!closed_ && MayRead(grpc_, client_)) PassOn(grpc_, client_);
  return !closed_ && (MayRead(client_, grpc_) || MayRead(grpc_, client_));
}

void GrpcRelay::PassOn(Side& from, Side& to) {
  BytesView bytes;
  switch (ReadFrom(from, bytes)) {
    case Read::kNothing:
      return;
    case Read::kEnd:
      Close();
      return;
    case Read::kSome:
      break;
  }
  if (&from == &client_) {
    if (const absl::string_view why = meter_.FromClient(bytes, EventLoop::Steady::now()); !why.empty()) {
      Cut(why);
      return;
    }
  } else {
    meter_.FromServer(bytes);
  }
  if (Write(to, bytes)) WatchForStall();
}

GrpcRelay::Read GrpcRelay::ReadFrom(Side& side, BytesView& bytes) {
  const std::span<uint8_t> buffer = owner_.buffer();
  const ssize_t count = recv(side.fd.get(), buffer.data(), buffer.size(), 0);
  if (count < 0 && errno == EINTR) return Read::kNothing;
  if (count < 0 && errno == EAGAIN) {
    side.readable = false;
    return Read::kNothing;
  }
  if (count <= 0) return Read::kEnd;
  // A short read has emptied the socket, unless an end stands behind it that was told already.
  side.readable = side.ended || count == static_cast<ssize_t>(buffer.size());
  bytes = BytesView(buffer.data(), static_cast<size_t>(count));
  return Read::kSome;
}

bool GrpcRelay::Write(Side& side, BytesView bytes) {
  if (side.deaf) return true;
  const ssize_t count = send(side.fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (count == static_cast<ssize_t>(bytes.size())) return true;
  if (count < 0 && errno != EAGAIN && errno != EINTR) return NotTaken(side);
  side.unsent = std::string(ToText(bytes.subspan(static_cast<size_t>(std::max<ssize_t>(count, 0)))));
  return ListenForWritable(side, true);
}

bool GrpcRelay::Flush(Side& side) {
  while (true) {
    const ssize_t count = send(side.fd.get(), side.unsent.data(), side.unsent.size(), MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return true;
    if (count < 0) return NotTaken(side);
    if (static_cast<size_t>(count) == side.unsent.size()) break;
    side.unsent.erase(0, static_cast<size_t>(count));
  }
  side.DropUnsent();
  if (!ListenForWritable(side, false)) return false;
  WatchForStall();
  return true;
}

// gRPC's last words may still be unread when its end is closed.
bool GrpcRelay::NotTaken(Side& side) {
  if (&side == &client_) {
    Close();
    return false;
  }
  side.DropUnsent();
  side.deaf = side.readable = true;
  return true;
}

// Only while something waits: otherwise whatever the other side reads would wake the reactor.
bool GrpcRelay::ListenForWritable(Side& side, bool listen) {
  if (std::exchange(side.told_when_writable, listen) == listen) return true;
  EventLoop::Source& source = &side == &client_ ? static_cast<EventLoop::Source&>(*this) : grpc_;
  const absl::Status status =
      owner_.loop().Change(side.fd.get(), listen ? kInput | EPOLLOUT : kInput, source);
  if (!status.ok()) Close();
  return status.ok();
}

// A client that takes no answers, or owes the request of a call it began, gets the time of a body.
void GrpcRelay::WatchForStall() {
  const bool stalls = !client_.unsent.empty() || meter_.LacksRequestSince().has_value();
  if (std::exchange(timed_, stalls) == stalls) return;
  if (stalls) {
    timer_.Arm(shared_.bounds.body);
  } else {
    timer_.Disarm();
  }
}

void GrpcRelay::OnTimer() {
  timed_ = false;
  if (!client_.unsent.empty()) {
    Cut("it does not read");
    return;
  }
  const std::optional<EventLoop::Steady::time_point> since = meter_.LacksRequestSince();
  if (since.has_value() && EventLoop::Steady::now() - *since >= shared_.bounds.body) {
    Cut("a call without its request");
    return;
  }
  WatchForStall();
}

void GrpcRelay::Cut(absl::string_view why) {
  LogCut(uid(), why);
  shared_.cut.Add();
  shared_.allowance.WasCut(uid(), EventLoop::Steady::now());
  if (client_.unsent.empty() && meter_.between_server_frames()) {
    // Best effort: it is cut off in any case.
    send(client_.fd.get(), kCalm.data(), kCalm.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  }
  Close();
}

void GrpcRelay::Close() {
  if (std::exchange(closed_, true)) return;
  timer_.Disarm();
  for (Side* side : {&client_, &grpc_}) {
    side->DropUnsent();
    owner_.loop().Remove(side->fd.get());
    side->fd.reset();
  }
  place_.reset();
  owner_.Forget(*this);
}

}  // namespace aziot::server
