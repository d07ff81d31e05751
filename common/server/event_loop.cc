#include "common/server/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <utility>

#include "common/status/errno_status.h"

namespace aziot::server {
namespace {

constexpr int kBatch = 64;

template <class Run>
void Guarded(const Run& run) noexcept {
  try {
    run();
  } catch (const std::exception&) {
    return;  // out of memory: a line in the log would need some too
  }
}

}  // namespace

void EventLoop::Timer::Arm(std::chrono::milliseconds after) {
  Timers* timers = nullptr;
  for (Timers& candidate : loop_.timers_) {
    if (candidate.after == after) timers = &candidate;
  }
  if (timers == nullptr) timers = &loop_.timers_.emplace_back(Timers{after, {}});
  std::list<Timer*>& from = armed_in_ != nullptr ? *armed_in_ : self_;
  if (armed_in_ == nullptr && self_.empty()) {
    self_.push_back(this);
    node_ = self_.begin();
  }
  due_ = Steady::now() + after;
  timers->armed.splice(timers->armed.end(), from, node_);
  armed_in_ = &timers->armed;
}

void EventLoop::Timer::Disarm() {
  if (armed_in_ == nullptr) return;
  self_.splice(self_.begin(), *armed_in_, node_);
  armed_in_ = nullptr;
}

absl::StatusOr<std::unique_ptr<EventLoop>> EventLoop::New() {
  net::UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return ErrnoStatus(errno, "epoll_create1");
  net::UniqueFd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake) return ErrnoStatus(errno, "eventfd");
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;
  if (epoll_ctl(epoll.get(), EPOLL_CTL_ADD, wake.get(), &event) != 0) return ErrnoStatus(errno, "epoll_ctl");
  return std::unique_ptr<EventLoop>(new EventLoop(std::move(epoll), std::move(wake)));
}

absl::Status EventLoop::Add(int fd, uint32_t events, Source& source) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &source;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return ErrnoStatus(errno, "epoll_ctl");
  return absl::OkStatus();
}

absl::Status EventLoop::Change(int fd, uint32_t events, Source& source) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &source;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) != 0) return ErrnoStatus(errno, "epoll_ctl");
  return absl::OkStatus();
}

void EventLoop::Remove(int fd) { epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr); }

void EventLoop::Post(std::function<void()> task) {
  bool first;
  {
    const std::lock_guard lock(mutex_);
    first = tasks_.empty();
    tasks_.push_back(std::move(task));
  }
  if (first) Wake();
}

void EventLoop::Post(std::shared_ptr<Task> task) noexcept {
  bool first;
  {
    const std::lock_guard lock(mutex_);
    first = first_task_ == nullptr;
    Task* const raw = task.get();
    (first ? first_task_ : last_task_->next_) = std::move(task);
    last_task_ = raw;
  }
  if (first) Wake();
}

void EventLoop::PrepareToRetire(size_t sources) {
  const size_t wanted = retired_.size() + sources;
  if (retired_.capacity() < wanted) retired_.reserve(std::max(wanted, 2 * retired_.capacity()));
}

void EventLoop::Quit() {
  quit_.store(true);
  Wake();
}

void EventLoop::Wake() {
  const uint64_t one = 1;
  // Fails only when the counter is full, and then the loop is awake anyway.
  if (write(wake_.get(), &one, sizeof one) < 0) return;
}

void EventLoop::Run() {
  epoll_event events[kBatch];
  bool again = false;
  while (!quit_.load()) {
    const int count = epoll_wait(epoll_.get(), events, kBatch, again ? 0 : WaitMilliseconds());
    for (int i = 0; i < count; ++i) {
      if (events[i].data.ptr == nullptr) {
        uint64_t counter;
        if (read(wake_.get(), &counter, sizeof counter) < 0) continue;
      } else {
        Source& source = *static_cast<Source*>(events[i].data.ptr);
        try {
          source.OnEvents(events[i].events);
        } catch (const std::exception&) {
          source.OnExhausted();
        }
      }
    }
    RunTasks();
    FireTimers();
    again = false;
    if (after_batch_ != nullptr) Guarded([&] { again = after_batch_(); });
    retired_.clear();
  }
  // What was posted may own things that others wait for.
  while (RunTasks()) {
  }
  retired_.clear();
}

bool EventLoop::RunTasks() {
  std::vector<std::function<void()>> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(tasks_);
  }
  for (std::function<void()>& task : tasks) {
    Guarded(task);
    task = nullptr;
  }
  return RunPostedTasks() || !tasks.empty();
}

bool EventLoop::RunPostedTasks() {
  std::shared_ptr<Task> task;
  {
    const std::lock_guard lock(mutex_);
    task = std::move(first_task_);
    last_task_ = nullptr;
  }
  const bool any = task != nullptr;
  while (task != nullptr) {
    std::shared_ptr<Task> next = std::move(task->next_);
    Guarded([&] { task->RunTask(); });
    task = std::move(next);
  }
  return any;
}

void EventLoop::FireTimers() {
  for (Timers& timers : timers_) {
    if (timers.armed.empty()) continue;
    const Steady::time_point now = Steady::now();
    while (!timers.armed.empty() && timers.armed.front()->due_ <= now) {
      Timer& timer = *timers.armed.front();
      timer.Disarm();
      const std::shared_ptr<const std::function<void()>> fire = timer.fire_;
      Guarded(*fire);
    }
  }
}

int EventLoop::WaitMilliseconds() const {
  Steady::time_point first = Steady::time_point::max();
  for (const Timers& timers : timers_) {
    if (!timers.armed.empty()) first = std::min(first, timers.armed.front()->due_);
  }
  if (first == Steady::time_point::max()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(first - Steady::now()).count();
  return left <= 0 ? 0 : static_cast<int>(std::min<int64_t>(left, 3600 * 1000));
}

}  // namespace aziot::server
