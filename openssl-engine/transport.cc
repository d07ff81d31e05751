#include "openssl-engine/transport.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <optional>

#include "openssl-engine/answer.h"
#include "openssl-engine/key_ref.h"

namespace aziot::openssl_engine {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&&) = delete;
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

// What an attempt ended with: a Failure, and whether another attempt may fare better.
struct Trouble {
  Failure failure;
  bool again = false;
};

template <class T>
using Attempt = std::variant<T, Trouble>;

Trouble Unreachable(std::string_view doing, int error, bool again = false) {
  char buffer[128] = "";
  return {{Reason::kUnreachable, std::string(doing) + ": " + strerror_r(error, buffer, sizeof buffer)},
          again};
}

milliseconds Left(Clock::time_point deadline) {
  return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(deadline - Clock::now()));
}

Trouble TimedOut(const Endpoint& endpoint, const char* what) {
  return {{Reason::kTimeout, std::string(endpoint.peer) + " " + what}};
}

Attempt<Socket> Connect(const Endpoint& endpoint) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (const char* fault = SocketPathFault(endpoint.socket_path)) {
    return Trouble{{Reason::kInvalidInput, "connecting to " + std::string(endpoint.peer) +
                                               ": the socket's path \"" + endpoint.socket_path + "\" " +
                                               fault}};
  }
  endpoint.socket_path.copy(address.sun_path, sizeof(address.sun_path) - 1);

  Socket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (socket.get() < 0) return Unreachable("socket", errno);
  const Clock::time_point deadline = Clock::now() + endpoint.connect_timeout;
  while (true) {
    // A Unix socket waits in connect() for room in the backlog; poll() cannot, only SO_SNDTIMEO bounds it.
    // Zero would mean no bound.
    const milliseconds left = std::max(milliseconds(1), Left(deadline));
    const timeval bound{.tv_sec = static_cast<time_t>(left.count() / 1000),
                        .tv_usec = static_cast<suseconds_t>(left.count() % 1000 * 1000)};
    if (setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &bound, sizeof bound) != 0) {
      return Unreachable("SO_SNDTIMEO", errno);
    }
    if (connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
      return socket;
    if (errno == EINTR && Clock::now() < deadline) continue;
    if (errno == EAGAIN || errno == EINTR) {
      return TimedOut(endpoint, "accepted no connection in time");
    }
    return Unreachable("connecting to " + endpoint.socket_path, errno, errno == ECONNREFUSED);
  }
}

// Waits until `events` or the deadline; nothing means that the deadline passed.
std::optional<Trouble> Wait(const Endpoint& endpoint, int fd, short events, Clock::time_point deadline) {
  pollfd waiting{.fd = fd, .events = events, .revents = 0};
  while (true) {
    const int ready = poll(&waiting, 1, static_cast<int>(Left(deadline).count()));
    if (ready > 0) return std::nullopt;
    if (ready == 0) return TimedOut(endpoint, "did not answer in time");
    if (errno != EINTR) return Unreachable("poll", errno);
  }
}

std::optional<Trouble> Send(const Endpoint& endpoint, int fd, std::string_view request,
                            Clock::time_point deadline) {
  while (!request.empty()) {
    const ssize_t sent = send(fd, request.data(), request.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      request.remove_prefix(static_cast<size_t>(sent));
    } else if (errno == EAGAIN) {
      if (auto trouble = Wait(endpoint, fd, POLLOUT, deadline)) return trouble;
    } else if (errno == EPIPE) {
      return std::nullopt;  // an early answer may already lie there; reading tells
    } else if (errno != EINTR) {
      return Unreachable("sending the request", errno, errno == ECONNRESET);
    }
  }
  return std::nullopt;
}

Attempt<Answer> Receive(const Endpoint& endpoint, int fd, Clock::time_point deadline) {
  std::string received;
  char buffer[4096];
  while (true) {
    const ssize_t count = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (count > 0) {
      received.append(buffer, static_cast<size_t>(count));
      Result<std::optional<Answer>> answer = ParseAnswer(received, endpoint.peer);
      if (!answer.ok()) return Trouble{answer.failure()};
      if (*answer) return **std::move(answer);
      // Without this a peer that sends byte after byte would never meet the deadline.
      if (Clock::now() >= deadline) return TimedOut(endpoint, "did not answer in time");
    } else if (count == 0 || errno == ECONNRESET || errno == EPIPE) {
      const std::string closed = std::string(endpoint.peer) + " closed the connection ";
      if (received.empty()) return Trouble{{Reason::kUnreachable, closed + "without an answer"}, true};
      return Trouble{{Reason::kBadAnswer, closed + "in the middle of its answer"}};
    } else if (errno == EAGAIN) {
      if (auto trouble = Wait(endpoint, fd, POLLIN, deadline)) return *std::move(trouble);
    } else if (errno != EINTR) {
      return Unreachable("reading the answer", errno);
    }
  }
}

Attempt<Answer> Exchange(const Endpoint& endpoint, std::string_view request) {
  Attempt<Socket> socket = Connect(endpoint);
  if (auto* trouble = std::get_if<Trouble>(&socket)) return std::move(*trouble);
  const int fd = std::get<Socket>(socket).get();
  const Clock::time_point deadline = Clock::now() + endpoint.io_timeout;
  if (auto trouble = Send(endpoint, fd, request, deadline)) return *std::move(trouble);
  return Receive(endpoint, fd, deadline);
}

// Half of `pause` to all of it, so that a burst of refused callers does not come back as one burst. The
// spread needs no secrecy: the clock's nanoseconds do.
void Sleep(milliseconds pause) {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  uint64_t mixed = (static_cast<uint64_t>(now.tv_nsec) ^ static_cast<uint64_t>(getpid()) << 20) *
                   UINT64_C(0x9e3779b97f4a7c15);
  mixed >>= 40;
  const int64_t half = std::chrono::nanoseconds(pause).count() / 2;
  const int64_t spread = half + (half > 0 ? static_cast<int64_t>(mixed) * half / (INT64_C(1) << 24) : 0);
  timespec rest{.tv_sec = static_cast<time_t>(spread / 1'000'000'000),
                .tv_nsec = static_cast<long>(spread % 1'000'000'000)};
  while (nanosleep(&rest, &rest) != 0 && errno == EINTR) {
  }
}

std::string FormatRequest(const Endpoint& endpoint, std::string_view verb, std::string_view path,
                          std::string_view body) {
  std::string request(verb);
  request.append(" ").append(path).append("?api-version=").append(endpoint.api_version);
  request.append(" HTTP/1.1\r\nHost: ").append(endpoint.peer).append(".sock\r\n");
  if (!body.empty()) {
    request.append("content-type: application/json\r\ncontent-length: ");
    request.append(std::to_string(body.size())).append("\r\n");
  }
  request.append("\r\n").append(body);
  return request;
}

}  // namespace

Result<std::string> Call(const Endpoint& endpoint, std::string_view verb, std::string_view path,
                         std::string_view body) {
  const std::string request = FormatRequest(endpoint, verb, path, body);
  const std::string doing = std::string(verb) + " " + std::string(path) + ": ";
  milliseconds pause = endpoint.first_pause;
  for (int retries = 0;; ++retries) {
    Attempt<Answer> attempt = Exchange(endpoint, request);
    if (const auto* answer = std::get_if<Answer>(&attempt)) {
      Result<std::string> success = SuccessBody(*answer, endpoint.peer);
      if (success.ok()) return success;
      return Failure{success.failure().reason, doing + success.failure().text};
    }
    const Trouble& trouble = std::get<Trouble>(attempt);
    if (!trouble.again || retries == endpoint.max_retries) {
      return Failure{trouble.failure.reason, doing + trouble.failure.text};
    }
    Sleep(pause);
    pause *= 2;
  }
}

}  // namespace aziot::openssl_engine
