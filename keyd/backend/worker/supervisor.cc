#include "keyd/backend/worker/supervisor.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "aziot/keys/worker/v1/worker.pb.h"
#include "common/log/log.h"
#include "common/status/errno_status.h"
#include "common/status/status_macros.h"
#include "keyd/backend/worker/messages.h"
#include "keyd/backend/worker/passed_socket.h"

namespace aziot::keyd::worker {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A library may do its first work here; a token is not touched.
constexpr milliseconds kSetUpTimeout = seconds(30);
constexpr milliseconds kStartPatience = seconds(45);
// A module may close its sessions.
constexpr milliseconds kFinishPatience = seconds(2);
constexpr milliseconds kReapPatience = seconds(5);
constexpr milliseconds kExitPatience{100};
constexpr milliseconds kHealthyAfter = seconds(1);
constexpr milliseconds kFirstPause{100};
constexpr milliseconds kLongestPause = seconds(1);
// After so many ends in a row the log says no more of them.
constexpr int kToldInARow = 8;
// A login that a crash or a hang cut short says nothing about the PIN, but may have spent an attempt of it.
constexpr int kMostCutLogins = 2;

milliseconds PauseAfter(int ended_in_a_row) {
  if (ended_in_a_row <= 1) return milliseconds(0);
  return std::min(kFirstPause * (1 << std::min(ended_in_a_row - 2, 10)), kLongestPause);
}

}  // namespace

Supervisor::Supervisor(Options options, LoginRecord record)
    : options_(std::move(options)), record_(std::move(record)), thread_([this] { Run(); }) {}

Supervisor::~Supervisor() {
  {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    if (state_ == State::kRunning && SendFinish(control_)) {
      changed_.notify_all();
      changed_.wait_for(lock, kFinishPatience, [this] { return stopped_; });
    }
    if (process_.has_value()) process_->Kill();
  }
  changed_.notify_all();
  thread_.join();
}

absl::Status Supervisor::AwaitFirst() {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, kStartPatience, [this] { return first_.has_value(); });
  return first_.value_or(absl::OkStatus());
}

absl::StatusOr<Lease> Supervisor::Take() {
  std::unique_lock lock(mutex_);
  const Clock::time_point patience = Clock::now() + kStartPatience;
  bool awaited_start = false;
  while (true) {
    if (stopping_) return absl::UnavailableError(absl::StrCat(options_.name, ": keyd is ending"));
    if (state_ == State::kRunning) return idle_.empty() ? Connect() : Reuse();
    if (state_ == State::kDown) {
      if (awaited_start || Clock::now() < not_before_) return Unavailable();
      state_ = State::kStarting;
      changed_.notify_all();
    }
    const State seen = state_;
    if (seen == State::kStarting) awaited_start = true;
    if (!changed_.wait_until(lock, patience, [&] { return state_ != seen || stopping_; })) {
      return absl::UnavailableError(absl::StrCat(options_.name, ": its worker process is not ready after ",
                                                 kStartPatience.count() / 1000, " s"));
    }
  }
}

Lease Supervisor::Reuse() {
  Lease lease{std::move(idle_.back()), worker_};
  idle_.pop_back();
  leased_.insert(lease.channel.fd());
  return lease;
}

absl::Status Supervisor::Unavailable() const {
  return absl::UnavailableError(
      absl::StrCat(options_.name, ": its worker process ", last_end_, "; it is started again"));
}

absl::StatusOr<Lease> Supervisor::Connect() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return ErrnoStatus(errno, absl::StrCat(options_.name, ": making a connection to its worker process"));
  }
  Lease lease{Channel(files::Descriptor(ends[0])), worker_};
  const files::Descriptor theirs(ends[1]);
  // A worker that is gone is noticed by the call itself.
  SendSocket(control_, theirs.get());
  leased_.insert(lease.channel.fd());
  return lease;
}

void Supervisor::Return(Lease lease) {
  const std::lock_guard lock(mutex_);
  leased_.erase(lease.channel.fd());
  if (lease.worker == worker_ && state_ == State::kRunning && idle_.size() < options_.kept) {
    idle_.push_back(std::move(lease.channel));
  }
}

void Supervisor::GiveUp(Lease lease, std::string because) {
  const std::lock_guard lock(mutex_);
  leased_.erase(lease.channel.fd());
  if (lease.worker != worker_ || state_ != State::kRunning) return;
  state_ = State::kEnding;
  killed_because_ = std::move(because);
  process_->Kill();
  changed_.notify_all();
}

std::string Supervisor::LastEnd() {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, kReapPatience, [this] { return state_ != State::kEnding; });
  return last_end_;
}

void Supervisor::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || state_ == State::kStarting; });
    if (stopping_) break;
    RunOne(lock);
  }
  for (WorkerProcess& held_up : unreaped_) held_up.Reap();
  stopped_ = true;
  changed_.notify_all();
}

void Supervisor::RunOne(std::unique_lock<std::mutex>& lock) {
  ready_at_.reset();
  killed_because_.clear();
  lock.unlock();
  absl::StatusOr<WorkerProcess> process = WorkerProcess::Start(options_.program, record_);
  lock.lock();
  if (!process.ok()) {
    NoteEnd(absl::StrCat("could not be started: ", process.status().message()));
    return;
  }
  process_ = *std::move(process);
  Channel control(process_->TakeControl());

  Ready ready;
  if (!stopping_) {
    lock.unlock();
    ready = SetUp(control);
    lock.lock();
  }
  if (!first_.has_value() && ready.answered) first_ = ready.status;
  if (ready.status.ok() && !stopping_) {
    if (!last_end_.empty() && ended_in_a_row_ < kToldInARow)
      log::Info("{}: its worker process runs again", options_.name);
    state_ = State::kRunning;
    ready_at_ = Clock::now();
    control_ = control.fd();
    ++worker_;
    changed_.notify_all();
    const WorkerProcess& running = *process_;
    lock.unlock();
    running.AwaitEnd(control.fd());
    lock.lock();
    if (state_ == State::kRunning) state_ = State::kEnding;
    control_ = -1;
  } else if (!ready.answered) {
    killed_because_ = std::string(ready.status.message());
    process_->Kill();
  }
  const std::string end = Reap(lock);
  NoteEnd(ready.status.ok() || !ready.answered ? end
                                               : absl::StrCat("cannot serve: ", ready.status.message()));
}

Supervisor::Ready Supervisor::SetUp(Channel& control) {
  control.SetTimeout(kSetUpTimeout);
  keys::worker::v1::SetupDone done;
  Transfer transfer = control.SendBytes(options_.setup.Expose());
  if (transfer == Transfer::kDone) transfer = control.Receive(done);
  if (transfer == Transfer::kTimeout) {
    return {.status = absl::UnavailableError(
                absl::StrCat("was not ready after ", kSetUpTimeout.count() / 1000, " s and was killed"))};
  }
  if (transfer != Transfer::kDone) return {.status = absl::UnavailableError("said nothing and was killed")};
  return {.answered = true, .status = StatusOf(done.code(), done.message())};
}

// How the worker ended. Waits for that, killing it when it only closed its sockets.
std::string Supervisor::Reap(std::unique_lock<std::mutex>& lock) {
  const Clock::time_point since = Clock::now();
  while (true) {
    if (const std::optional<int> status = process_->Reap(); status.has_value()) {
      process_.reset();
      const bool killed = WIFSIGNALED(*status) && WTERMSIG(*status) == SIGKILL;
      return killed && !killed_because_.empty() ? killed_because_ : DescribeEnd(*status);
    }
    const auto waited = Clock::now() - since;
    if (waited > kExitPatience) process_->Kill();
    if (waited > kReapPatience) break;
    changed_.wait_for(lock, milliseconds(2));
  }
  unreaped_.push_back(std::move(*process_));
  process_.reset();
  return absl::StrCat(killed_because_.empty() ? "closed its sockets" : killed_because_,
                      ", which the kernel has not done yet");
}

void Supervisor::NoteEnd(const std::string& end) {
  std::erase_if(unreaped_, [](WorkerProcess& held_up) { return held_up.Reap().has_value(); });
  EndConnections();
  NoteLogin();
  if (!first_.has_value()) first_ = absl::OkStatus();
  if (stopping_) {
    state_ = State::kDown;
    changed_.notify_all();
    return;
  }
  last_end_ = end;
  const Clock::time_point now = Clock::now();
  const bool was_healthy = ready_at_.has_value() && now - *ready_at_ >= kHealthyAfter;
  ended_in_a_row_ = was_healthy ? 1 : ended_in_a_row_ + 1;
  const milliseconds pause = PauseAfter(ended_in_a_row_);
  not_before_ = now + pause;
  state_ = pause.count() == 0 ? State::kStarting : State::kDown;
  if (ended_in_a_row_ <= kToldInARow) {
    log::Error(
        "{}: its worker process {}; it is started again{}{}", options_.name, end,
        pause.count() == 0 ? "" : fmt::format(" when a key of it is needed, after {} ms", pause.count()),
        ended_in_a_row_ == kToldInARow ? "; what follows of the same kind is not written down" : "");
  }
  changed_.notify_all();
}

void Supervisor::NoteLogin() {
  if (record_.state() != LoginRecord::State::kTrying) {
    if (record_.state() == LoginRecord::State::kAccepted) cut_logins_ = 0;
  } else if (++cut_logins_ < kMostCutLogins) {
    record_.Ends(LoginRecord::State::kUntried);
  }
}

// A process that the module started may still hold the other ends.
void Supervisor::EndConnections() {
  for (const int socket : leased_) shutdown(socket, SHUT_RDWR);
  idle_.clear();
}

}  // namespace aziot::keyd::worker
