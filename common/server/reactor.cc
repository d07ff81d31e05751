#include "common/server/reactor.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "common/log/log.h"
#include "common/status/errno_status.h"
#include "common/status/status_macros.h"

namespace aziot::server {
namespace {

constexpr size_t kBufferBytes = 16 * 1024;
// Between two looks at the sockets, so that a newcomer waits for a few requests at most.
constexpr int kStepsBetweenPolls = 16;
constexpr int kAcceptsAtOnce = 16;
constexpr std::chrono::milliseconds kAcceptPause{50};

// Of all reactors together, so that a flood of refused connections is not a flood of lines.
void LogRefusal(absl::string_view what, uid_t uid) {
  static std::atomic<int64_t> last_second{-1};
  const int64_t second = absl::ToUnixSeconds(absl::Now());
  if (last_second.exchange(second) != second) log::Info("{} reached for user {}", what, uid);
}

}  // namespace

class Reactor::Acceptor final : public EventLoop::Source {
 public:
  explicit Acceptor(Reactor& reactor) : reactor_(reactor) {}
  void OnEvents(uint32_t) override { reactor_.Accept(); }

 private:
  Reactor& reactor_;
};

absl::StatusOr<std::unique_ptr<Reactor>> Reactor::New(const Shared& shared) {
  ASSIGN_OR_RETURN(std::unique_ptr<EventLoop> loop, EventLoop::New());
  return std::unique_ptr<Reactor>(new Reactor(shared, std::move(loop)));
}

Reactor::Reactor(const Shared& shared, std::unique_ptr<EventLoop> loop)
    : shared_(shared),
      loop_(std::move(loop)),
      acceptor_(std::make_unique<Acceptor>(*this)),
      accept_again_(*loop_,
                    [this] {
                      if (!Listen().ok()) accept_again_.Arm(kAcceptPause);
                    }),
      buffer_(kBufferBytes) {
  loop_->SetAfterBatch([this] { return RunReady(); });
}

Reactor::~Reactor() { Stop(); }

absl::Status Reactor::Listen() {
  return loop_->Add(shared_.listener.fd(), EPOLLIN | EPOLLEXCLUSIVE, *acceptor_);
}

absl::Status Reactor::Start() {
  RETURN_IF_ERROR(Listen());
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "reactor");
    loop_->Run();
  });
  return absl::OkStatus();
}

void Reactor::Drain() {
  loop_->Post([this] {
    draining_ = true;
    accept_again_.Disarm();
    loop_->Remove(shared_.listener.fd());
    std::vector<std::shared_ptr<Connection>> open;
    for (const auto& [key, connection] : connections_) open.push_back(connection);
    for (const std::shared_ptr<Connection>& connection : open) connection->Drain();
  });
}

void Reactor::Stop() {
  if (!thread_.joinable()) return;
  loop_->Quit();
  thread_.join();
}

void Reactor::Accept() {
  for (int i = 0; i < kAcceptsAtOnce && !draining_; ++i) {
    absl::StatusOr<std::optional<Accepted>> accepted = shared_.listener.Accept();
    if (!accepted.ok()) {
      // The socket stays readable; without a pause the loop would spin until a descriptor is free.
      log::Warn("not accepting for {} ms: {}", kAcceptPause.count(), accepted.status());
      loop_->Remove(shared_.listener.fd());
      accept_again_.Arm(kAcceptPause);
      return;
    }
    if (!accepted->has_value()) return;
    Admit(**std::move(accepted));
  }
}

void Reactor::Admit(Accepted accepted) {
  std::optional<ConnectionCounts::Place> place = shared_.counts.Enter(accepted.peer.uid);
  if (!place.has_value()) {
    LogRefusal("Max simultaneous connections", accepted.peer.uid);
    return;
  }
  Reactor& target = LeastBusy();
  if (&target == this) {
    Adopt(std::move(accepted.fd), accepted.peer, *std::move(place));
    return;
  }
  // std::function copies what it holds, so what only moves is shared.
  auto moved =
      std::make_shared<std::pair<Accepted, ConnectionCounts::Place>>(std::move(accepted), *std::move(place));
  target.loop().Post([&target, moved] {
    target.Adopt(std::move(moved->first.fd), moved->first.peer, std::move(moved->second));
  });
}

// Kept connections would otherwise gather on whichever reactor woke first.
Reactor& Reactor::LeastBusy() {
  Reactor* least = this;
  const size_t mine = load_.load(std::memory_order_relaxed);
  size_t smallest = mine == 0 ? 0 : mine - 1;
  for (const std::unique_ptr<Reactor>& other : shared_.all) {
    const size_t load = other->load_.load(std::memory_order_relaxed);
    if (load < smallest) {
      smallest = load;
      least = other.get();
    }
  }
  return *least;
}

void Reactor::Adopt(net::UniqueFd fd, const net::Peer& peer, ConnectionCounts::Place place) {
  auto connection =
      std::make_shared<RestConnection>(shared_.front, *this, std::move(fd), peer, std::move(place));
  const absl::Status status = connection->Start();
  if (!status.ok()) {
    log::Error("a connection was closed: {}", status);
    return;
  }
  Keep(connection);
  if (draining_) connection->Drain();
}

void Reactor::Keep(const std::shared_ptr<Connection>& connection) {
  loop_->PrepareToRetire(connections_.size() + 1);
  connections_.emplace(connection.get(), connection);
  load_.fetch_add(1, std::memory_order_relaxed);
}

void Reactor::MakeReady(Connection& connection) {
  if (connection.queued) return;
  ready_.Push(connection.uid(), connection.shared_from_this());
  connection.queued = true;
}

void Reactor::Forget(Connection& connection) {
  const auto found = connections_.find(&connection);
  if (found == connections_.end()) return;
  loop_->Retire(std::move(found->second));
  connections_.erase(found);
  load_.fetch_sub(1, std::memory_order_relaxed);
}

bool Reactor::AdmitsGrpc(uid_t uid) {
  if (shared_.relays.allowance.Connect(uid, EventLoop::Steady::now())) return true;
  LogRefusal("Max new gRPC connections", uid);
  return false;
}

void Reactor::ServeGrpc(net::UniqueFd fd, const net::Peer& peer, ConnectionCounts::Place place) {
  if (shared_.grpc == nullptr) return;
  std::optional<ConnectionCounts::Place> of_front = shared_.relays.counts.Enter(peer.uid);
  if (!of_front.has_value()) {
    LogRefusal("Max simultaneous gRPC connections", peer.uid);
    return;
  }
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) {
    log::Error("a gRPC connection was closed: {}", ErrnoStatus(errno, "socketpair"));
    return;
  }
  net::UniqueFd ours(ends[0]), of_grpc(ends[1]);
  const auto places = std::make_shared<std::pair<ConnectionCounts::Place, ConnectionCounts::Place>>(
      std::move(place), *std::move(of_front));
  const std::shared_ptr<const ConnectionCounts::Place> shared_place(places, &places->first);
  const auto relay =
      std::make_shared<GrpcRelay>(shared_.relays, *this, std::move(fd), std::move(ours), peer, shared_place);
  if (const absl::Status status = relay->Start(); !status.ok()) {
    log::Error("a gRPC connection was closed: {}", status);
    return;
  }
  Keep(relay);
  shared_.grpc(std::move(of_grpc), peer, shared_place);
}

bool Reactor::RunReady() {
  for (int i = 0; i < kStepsBetweenPolls && !ready_.empty(); ++i) {
    const std::shared_ptr<Connection> connection = ready_.Pop();
    connection->queued = false;
    try {
      if (connection->Step()) MakeReady(*connection);
    } catch (const std::exception&) {
      connection->OnExhausted();
    }
  }
  if (!ready_.empty()) return true;
  // What the last requests left here may have been secrets.
  explicit_bzero(buffer_.data(), buffer_.size());
  return false;
}

}  // namespace aziot::server
