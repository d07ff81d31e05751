#include "common/net/unix_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/status/errno_status.h"
#include "common/status/status_macros.h"

namespace aziot::net {
namespace {

constexpr int kFirstPassedFd = 3;  // sd_listen_fds(3): SD_LISTEN_FDS_START

absl::StatusOr<sockaddr_un> AddressOf(absl::string_view path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(
        absl::StrCat("socket path ", path, ": must have 1 to ", sizeof(address.sun_path) - 1, " bytes"));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

absl::StatusOr<UniqueFd> NewSocket() {
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return ErrnoStatus(errno, "making a Unix socket");
  return fd;
}

int Connect(int fd, const sockaddr_un& address) {
  return connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
}

// Clears `path` for a bind: whatever stands there goes, except a socket that somebody answers on.
absl::Status RemoveStale(const std::string& path, const sockaddr_un& address) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return absl::OkStatus();
    return ErrnoStatus(errno, absl::StrCat("looking at ", path));
  }
  if (S_ISDIR(info.st_mode)) {
    // Only an empty one: a path that was set wrong must not cost anybody's files.
    if (rmdir(path.c_str()) != 0) {
      return ErrnoStatus(
          errno, absl::StrCat("a socket belongs at ", path, ", where a directory stands: removing it"));
    }
    log::Warn(
        "{} was an empty directory, as container engines make one where a socket belongs; it is removed",
        path);
    return absl::OkStatus();
  }
  if (S_ISSOCK(info.st_mode)) {
    ASSIGN_OR_RETURN(const UniqueFd probe, NewSocket());
    fcntl(probe.get(), F_SETFL, O_NONBLOCK);
    // EAGAIN: somebody listens whose backlog is full.
    if (Connect(probe.get(), address) == 0 || errno == EAGAIN) {
      return absl::AlreadyExistsError(absl::StrCat("another process listens at ", path));
    }
  }
  if (unlink(path.c_str()) != 0 && errno != ENOENT)
    return ErrnoStatus(errno, absl::StrCat("removing ", path));
  return absl::OkStatus();
}

int SocketOption(int fd, int option) {
  int value = -1;
  socklen_t size = sizeof(value);
  return getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

}  // namespace

absl::StatusOr<UniqueFd> ActivatedSocket() {
  const char* pid_text = std::getenv("LISTEN_PID");
  const char* count_text = std::getenv("LISTEN_FDS");
  int64_t pid = 0;
  int count = 0;
  if (pid_text == nullptr || count_text == nullptr || !absl::SimpleAtoi(pid_text, &pid) || pid != getpid() ||
      !absl::SimpleAtoi(count_text, &count) || count < 1) {
    return UniqueFd();
  }
  for (int fd = kFirstPassedFd; fd < kFirstPassedFd + std::min(count, 1024); ++fd)
    fcntl(fd, F_SETFD, FD_CLOEXEC);
  if (count != 1) return UniqueFd();
  if (SocketOption(kFirstPassedFd, SO_DOMAIN) != AF_UNIX ||
      SocketOption(kFirstPassedFd, SO_TYPE) != SOCK_STREAM ||
      SocketOption(kFirstPassedFd, SO_ACCEPTCONN) != 1) {
    return absl::InvalidArgumentError(
        "the descriptor passed by the service manager (LISTEN_FDS) is no listening Unix stream socket");
  }
  return UniqueFd(kFirstPassedFd);
}

absl::StatusOr<UniqueFd> ListenUnix(absl::string_view path, mode_t mode) {
  ASSIGN_OR_RETURN(const sockaddr_un address, AddressOf(path));
  const std::string name(path);
  RETURN_IF_ERROR(RemoveStale(name, address));
  ASSIGN_OR_RETURN(UniqueFd fd, NewSocket());
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return ErrnoStatus(errno, absl::StrCat("binding ", path));
  }
  // Before listen: until then every connect is refused, whatever mode the umask left.
  if (chmod(name.c_str(), mode) != 0) return ErrnoStatus(errno, absl::StrCat("setting the mode of ", path));
  if (listen(fd.get(), SOMAXCONN) != 0) return ErrnoStatus(errno, absl::StrCat("listening at ", path));
  return fd;
}

absl::StatusOr<UniqueFd> ConnectUnix(absl::string_view path, absl::Duration timeout) {
  ASSIGN_OR_RETURN(const sockaddr_un address, AddressOf(path));
  ASSIGN_OR_RETURN(UniqueFd fd, NewSocket());
  const auto end =
      std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(std::min(timeout, absl::Hours(24)));
  for (;;) {
    // A blocking connect waits for room in the backlog as long as SO_SNDTIMEO says (zero would mean forever);
    // a non-blocking one fails at once and has nothing to poll for.
    const absl::Duration left = absl::FromChrono(end - std::chrono::steady_clock::now());
    const timeval limit = absl::ToTimeval(std::max(left, absl::Milliseconds(1)));
    setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    if (Connect(fd.get(), address) == 0) break;
    if (errno == EINTR && left > absl::ZeroDuration()) continue;
    const std::string doing = absl::StrCat("connecting to ", path);
    if (errno == EAGAIN || errno == EINTR) {
      return absl::DeadlineExceededError(absl::StrCat(doing, ": its queue of connections stays full"));
    }
    if (errno == ENOENT || errno == ECONNREFUSED) {
      return absl::UnavailableError(ErrnoStatus(errno, doing).message());
    }
    return ErrnoStatus(errno, doing);
  }
  if (fcntl(fd.get(), F_SETFL, O_NONBLOCK) != 0)
    return ErrnoStatus(errno, absl::StrCat("connecting to ", path));
  return fd;
}

}  // namespace aziot::net
