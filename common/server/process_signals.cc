#include "common/server/process_signals.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <utility>

#include "common/status/errno_status.h"

namespace aziot::server {
namespace {

constexpr int kSignals[] = {SIGTERM, SIGINT, SIGHUP, SIGPIPE};

// A signal handler can reach nothing else.
std::atomic<int> wake_fd{-1};
std::atomic<bool> stop_seen{false};
std::atomic<bool> reload_seen{false};

void OnSignal(int signal) {
  const int saved = errno;
  (signal == SIGHUP ? reload_seen : stop_seen).store(true);
  const uint64_t one = 1;
  const int fd = wake_fd.load();
  if (fd >= 0 && write(fd, &one, sizeof one) < 0) {
    // The counter is full: the reader will wake all the same.
  }
  errno = saved;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ProcessSignals>> ProcessSignals::Catch() {
  net::UniqueFd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake) return ErrnoStatus(errno, "eventfd");
  int nobody = -1;
  if (!wake_fd.compare_exchange_strong(nobody, wake.get())) {
    return absl::AlreadyExistsError("signals are handled by another server of this process");
  }
  return std::unique_ptr<ProcessSignals>(new ProcessSignals(std::move(wake)));
}

ProcessSignals::ProcessSignals(net::UniqueFd wake) : wake_(std::move(wake)) {
  stop_seen = reload_seen = false;
  for (size_t i = 0; i < std::size(kSignals); ++i) {
    struct sigaction action {};
    action.sa_handler = kSignals[i] == SIGPIPE ? SIG_IGN : OnSignal;
    action.sa_flags = SA_RESTART;
    sigaction(kSignals[i], &action, &before_[i]);
  }
}

ProcessSignals::~ProcessSignals() {
  for (size_t i = 0; i < std::size(kSignals); ++i) sigaction(kSignals[i], &before_[i], nullptr);
  wake_fd.store(-1);
}

ProcessSignals::Seen ProcessSignals::Take() {
  uint64_t counter;
  if (read(wake_.get(), &counter, sizeof counter) < 0) return {};
  return {.stop = stop_seen.exchange(false), .reload = reload_seen.exchange(false)};
}

}  // namespace aziot::server
