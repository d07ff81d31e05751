// One thread's loop over descriptors, timers and tasks posted by other threads: what a reactor runs on.
// Everything but Post and Quit belongs to the loop's thread (or to the time before Run). What is called may
// throw when memory is short: that ends what was called, not the loop.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/net/unique_fd.h"

namespace aziot::server {

class EventLoop {
 public:
  using Steady = std::chrono::steady_clock;

  // Who hears about a descriptor. `events` are those of epoll.
  class Source {
   public:
    virtual ~Source() = default;
    virtual void OnEvents(uint32_t events) = 0;
    // There was no memory for what it began: it must end it.
    virtual void OnExhausted() noexcept {}
  };
  // A task that is posted without asking for memory; at most once at a time.
  class Task {
   public:
    virtual ~Task() = default;
    virtual void RunTask() = 0;

   private:
    friend class EventLoop;
    std::shared_ptr<Task> next_;
  };
  // Fires once when armed; must be disarmed or fired before it is destroyed (its destructor sees to it).
  class Timer {
   public:
    Timer(EventLoop& loop, std::function<void()> fire)
        : loop_(loop), fire_(std::make_shared<const std::function<void()>>(std::move(fire))) {}
    ~Timer() { Disarm(); }
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    // From now; replaces an earlier arming. Cheap when few different durations are in use.
    void Arm(std::chrono::milliseconds after);
    void Disarm();

   private:
    friend class EventLoop;
    EventLoop& loop_;
    std::shared_ptr<const std::function<void()>> fire_;  // what it calls may destroy the timer
    Steady::time_point due_;
    std::list<Timer*>* armed_in_ = nullptr;
    std::list<Timer*> self_;  // keeps the node while unarmed, so that arming allocates once
    std::list<Timer*>::iterator node_;
  };

  static absl::StatusOr<std::unique_ptr<EventLoop>> New();

  absl::Status Add(int fd, uint32_t events, Source& source);
  absl::Status Change(int fd, uint32_t events, Source& source);
  void Remove(int fd);
  // Runs after the events at hand, on the loop's thread; tasks run in the order they were posted.
  void Post(std::function<void()> task);
  // Apart from the others, in the order of their own.
  void Post(std::shared_ptr<Task> task) noexcept;
  // Keeps `source` until no event at hand can name it any more.
  void Retire(std::shared_ptr<Source> source) { retired_.push_back(std::move(source)); }
  // Makes room, so that Retire asks for no memory as long as no more than `sources` are kept.
  void PrepareToRetire(size_t sources);
  // Called after each batch of events; true when it wants to be called again without waiting.
  void SetAfterBatch(std::function<bool()> after) { after_batch_ = std::move(after); }

  void Run();
  void Quit();

 private:
  EventLoop(net::UniqueFd epoll, net::UniqueFd wake) : epoll_(std::move(epoll)), wake_(std::move(wake)) {}

  bool RunTasks();
  bool RunPostedTasks();
  void FireTimers();
  int WaitMilliseconds() const;
  void Wake();

  // All timers of one duration, so that the list is in order of time.
  struct Timers {
    std::chrono::milliseconds after;
    std::list<Timer*> armed;
  };

  net::UniqueFd epoll_;
  net::UniqueFd wake_;
  std::atomic<bool> quit_{false};
  std::function<bool()> after_batch_;
  std::list<Timers> timers_;
  std::vector<std::shared_ptr<Source>> retired_;
  std::mutex mutex_;
  std::vector<std::function<void()>> tasks_;  // guarded by mutex_, as what follows
  std::shared_ptr<Task> first_task_;
  Task* last_task_ = nullptr;
};

}  // namespace aziot::server
