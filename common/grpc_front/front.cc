// The module's door: takes connections over from the server and notices when their peers hang up, which gRPC
// tells nobody.

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "common/grpc_front/connection.h"
#include "common/rpc/endpoint.h"

namespace aziot::grpc_front {
namespace {

constexpr int kBatch = 64;
constexpr uint64_t kWake = 0;  // connections are numbered from 1

class Front final : public rpc::GrpcFront {
 public:
  // nullptr when the process has no descriptors left.
  static std::unique_ptr<Front> New(const rpc::GrpcLimits& limits) {
    std::unique_ptr<Front> front(new Front(limits));
    if (front->epoll_ < 0 || front->wake_ < 0 || !front->Listen(front->wake_, EPOLLIN, kWake)) return nullptr;
    front->reaper_ = std::thread([raw = front.get()] { raw->Reap(); });
    return front;
  }

  ~Front() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    Wake();
    if (reaper_.joinable()) reaper_.join();
    End(TakeAll());
    if (wake_ >= 0) close(wake_);
    if (epoll_ >= 0) close(epoll_);
  }

  void Serve(int fd, std::unique_ptr<rpc::Endpoint> endpoint) override {
    // gRPC closes its descriptor when it likes; ours stays valid until the reaper has heard of the end.
    const int watched = dup(fd);
    if (watched < 0) {
      close(fd);
      return;
    }
    std::unique_ptr<Connection> connection =
        Connection::New(fd, std::move(endpoint), limits_, [this] { Wake(); });
    if (connection == nullptr) {
      close(watched);
      return;
    }
    const std::lock_guard lock(mutex_);
    const uint64_t id = ++last_id_;
    if (stopping_ || !Listen(watched, EPOLLRDHUP | EPOLLONESHOT, id)) {
      close(watched);
      return;
    }
    open_.emplace(id, Open{std::move(connection), watched});
  }

  void Drain(rpc::Endpoint::Deadline deadline) override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    std::vector<Open> all = TakeAll();
    for (const Open& open : all) open.connection->StopWatches();
    for (const Open& open : all) open.connection->Drain(deadline);
    End(std::move(all));
  }

 private:
  explicit Front(const rpc::GrpcLimits& limits)
      : limits_(limits),
        epoll_(epoll_create1(EPOLL_CLOEXEC)),
        wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  struct Open {
    std::unique_ptr<Connection> connection;
    int watched;
    bool ended = false;
  };

  bool Listen(int fd, uint32_t events, uint64_t id) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = id;
    return epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0;
  }

  void Wake() {
    const uint64_t one = 1;
    // Fails only when the counter is full, and then the reaper is awake.
    if (write(wake_, &one, sizeof one) < 0) return;
  }

  void Reap() {
    epoll_event events[kBatch];
    while (true) {
      const int count = epoll_wait(epoll_, events, kBatch, -1);
      std::vector<Open> over;
      {
        const std::lock_guard lock(mutex_);
        if (stopping_) return;
        for (int i = 0; i < count; ++i) {
          uint64_t counter;
          if (events[i].data.u64 == kWake) {
            if (read(wake_, &counter, sizeof counter) < 0) continue;
          } else if (const auto open = open_.find(events[i].data.u64); open != open_.end()) {
            open->second.ended = true;
          }
        }
        for (auto open = open_.begin(); open != open_.end();) {
          // One with running calls comes back through Wake when the last of them is over.
          if (open->second.ended && open->second.connection->Ended()) {
            over.push_back(std::move(open->second));
            open = open_.erase(open);
          } else {
            ++open;
          }
        }
      }
      End(std::move(over));
    }
  }

  std::vector<Open> TakeAll() {
    const std::lock_guard lock(mutex_);
    std::vector<Open> all;
    for (auto& [id, open] : open_) all.push_back(std::move(open));
    open_.clear();
    return all;
  }

  static void End(std::vector<Open> connections) {
    for (Open& open : connections) {
      open.connection.reset();
      close(open.watched);
    }
  }

  const rpc::GrpcLimits limits_;
  const int epoll_;
  const int wake_;
  std::mutex mutex_;
  std::map<uint64_t, Open> open_;  // guarded by mutex_, as what follows
  uint64_t last_id_ = kWake;
  bool stopping_ = false;
  std::thread reaper_;
};

}  // namespace
}  // namespace aziot::grpc_front

extern "C" __attribute__((visibility("default"))) aziot::rpc::GrpcFront* aziot_grpc_front_v3(
    const aziot::rpc::GrpcLimits& limits) {
  return aziot::grpc_front::Front::New(limits).release();
}
