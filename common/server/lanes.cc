#include "common/server/lanes.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "common/log/log.h"
#include "common/server/round_robin.h"

namespace aziot::server {
namespace {

constexpr int kPeersThreads = 16;
// Key generation for one caller must not take the processor from the reactors that serve all others.
constexpr int kCpuNiceness = 10;

int HardwareThreads() { return std::max(1, static_cast<int>(std::thread::hardware_concurrency())); }

}  // namespace

class Lanes::Pool {
 public:
  explicit Pool(const LaneOptions& options) : options_(options) {}

  void Stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  Submitted Submit(uid_t uid, std::function<void()> task) {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_ || tasks_.size() >= static_cast<size_t>(options_.waiting)) return Submitted::kFull;
      if (idle_ <= tasks_.size() && threads_.size() < static_cast<size_t>(options_.threads) && !AddThread() &&
          threads_.empty()) {
        return Submitted::kFull;
      }
      tasks_.Push(uid, std::move(task));
    }
    // Not before: a thread that wakes to a lock that is held goes to sleep again.
    wake_.notify_one();
    return Submitted::kYes;
  }

 private:
  // False when the system has none to give; those that are there must do.
  bool AddThread() {
    try {
      threads_.emplace_back([this] { Work(); });
      return true;
    } catch (const std::system_error& refused) {
      log::Warn("no further thread for '{}': {}", options_.lane.name(), refused.what());
      return false;
    }
  }

  void Work() {
    pthread_setname_np(pthread_self(), options_.lane.name().substr(0, 15).c_str());
    if (options_.lane == Lane::Cpu()) setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kCpuNiceness);
    std::unique_lock lock(mutex_);
    while (true) {
      ++idle_;
      wake_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
      --idle_;
      if (tasks_.empty()) return;
      std::function<void()> task = tasks_.Pop();
      lock.unlock();
      try {
        task();
      } catch (const std::exception& thrown) {
        log::Error("lane '{}': {}", options_.lane.name(), thrown.what());
      }
      task = nullptr;
      lock.lock();
    }
  }

  const LaneOptions options_;
  std::mutex mutex_;
  std::condition_variable wake_;
  RoundRobin<std::function<void()>> tasks_;
  std::vector<std::thread> threads_;
  size_t idle_ = 0;
  bool stopping_ = false;
};

Lanes::Lanes(const std::vector<LaneOptions>& extra) {
  std::vector<LaneOptions> all = {{.lane = Lane::Cpu(), .threads = HardwareThreads()},
                                  {.lane = Lane::Peers(), .threads = kPeersThreads}};
  all.insert(all.end(), extra.begin(), extra.end());
  for (const LaneOptions& lane : all) pools_[lane.lane.name()] = std::make_unique<Pool>(lane);
}

Lanes::~Lanes() { Stop(); }

void Lanes::Stop() {
  for (const auto& [name, pool] : pools_) pool->Stop();
}

Lanes::Submitted Lanes::Submit(const Lane& lane, uid_t uid, std::function<void()> task) {
  const auto pool = pools_.find(lane.name());
  if (pool == pools_.end()) return Submitted::kNoSuchLane;
  return pool->second->Submit(uid, std::move(task));
}

}  // namespace aziot::server
