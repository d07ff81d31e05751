#include "keyd/backend/worker/worker_process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status/errno_status.h"

namespace aziot::keyd::worker {
namespace {

constexpr int kFirstFreeFd = kLoginRecordFd + 1;
// Sources of the descriptors a worker gets: out of the way of the numbers they get there.
constexpr int kOutOfTheWay = 10;

struct Attributes {
  Attributes() { posix_spawnattr_init(&value); }
  Attributes(const Attributes&) = delete;
  ~Attributes() { posix_spawnattr_destroy(&value); }
  posix_spawnattr_t value;
};

struct FileActions {
  FileActions() { posix_spawn_file_actions_init(&value); }
  FileActions(const FileActions&) = delete;
  ~FileActions() { posix_spawn_file_actions_destroy(&value); }
  posix_spawn_file_actions_t value;
};

// The worker unblocks them when it ignores them: whoever stops keyd signals it too, and requests that are
// being worked on still need it.
sigset_t StopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  return signals;
}

}  // namespace

absl::StatusOr<WorkerProcess> WorkerProcess::Start(const Program& program, const LoginRecord& record) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return ErrnoStatus(errno, "making a socket for a worker");
  }
  files::Descriptor ours(ends[0]);
  const files::Descriptor made(ends[1]);
  const files::Descriptor theirs(fcntl(made.get(), F_DUPFD_CLOEXEC, kOutOfTheWay));
  const files::Descriptor shared(fcntl(record.fd(), F_DUPFD_CLOEXEC, kOutOfTheWay));
  if (!theirs.ok() || !shared.ok()) return ErrnoStatus(errno, "passing a socket to a worker");

  FileActions actions;
  posix_spawn_file_actions_adddup2(&actions.value, theirs.get(), kControlFd);
  posix_spawn_file_actions_adddup2(&actions.value, shared.get(), kLoginRecordFd);
  posix_spawn_file_actions_addclosefrom_np(&actions.value, kFirstFreeFd);
  Attributes attributes;
  const sigset_t blocked = StopSignals();
  posix_spawnattr_setsigmask(&attributes.value, &blocked);
  posix_spawnattr_setflags(&attributes.value, POSIX_SPAWN_SETSIGMASK);

  std::string title = program.title;
  std::string argument = program.argument;
  char* const argv[] = {title.data(), argument.data(), nullptr};
  pid_t pid = 0;
  const int error =
      posix_spawn(&pid, program.executable.c_str(), &actions.value, &attributes.value, argv, environ);
  if (error != 0) return ErrnoStatus(error, absl::StrCat("starting a worker (", program.executable, ")"));
  return WorkerProcess(pid, std::move(ours));
}

WorkerProcess::WorkerProcess(pid_t pid, files::Descriptor control)
    : pid_(pid), control_(std::move(control)), ended_(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))) {}

void WorkerProcess::AwaitEnd(int control) const {
  pollfd polled[] = {{.fd = ended_.get(), .events = POLLIN}, {.fd = control, .events = POLLIN}};
  while (poll(polled, 2, -1) < 0 && errno == EINTR) {
  }
}

void WorkerProcess::Kill() const {
  if (pid_ > 0) kill(pid_, SIGKILL);
}

std::optional<int> WorkerProcess::Reap() {
  int status = 0;
  if (pid_ <= 0) return status;
  const pid_t reaped = waitpid(pid_, &status, WNOHANG);
  if (reaped == 0 || (reaped < 0 && errno == EINTR)) return std::nullopt;
  pid_ = 0;
  return status;
}

std::string DescribeEnd(int wait_status) {
  if (WIFSIGNALED(wait_status)) {
    const int signal = WTERMSIG(wait_status);
    const char* name = sigabbrev_np(signal);
    return absl::StrCat("died (signal ", signal, name == nullptr ? "" : ", SIG", name == nullptr ? "" : name,
                        ")");
  }
  return absl::StrCat("ended (exit status ", WEXITSTATUS(wait_status), ")");
}

}  // namespace aziot::keyd::worker
