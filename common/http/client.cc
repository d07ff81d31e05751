#include "common/http/client.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "common/bytes/bytes.h"
#include "common/http/response_parser.h"
#include "common/net/unix_socket.h"
#include "common/status/errno_status.h"
#include "common/status/status_macros.h"

namespace aziot::http {
namespace {

constexpr size_t kAnswerBytes = 16 * 1024 * 1024;
constexpr size_t kReadBytes = 16 * 1024;

using SteadyClock = std::chrono::steady_clock;

// A connect that waits for room in a full backlog cannot be woken: this is how long a cancellation waits.
constexpr absl::Duration kConnectSlice = absl::Seconds(1);

}  // namespace

absl::StatusOr<Response> UnixClient::Send(const Request& request, absl::Duration timeout) {
  const Deadline deadline = SteadyClock::now() + absl::ToChronoNanoseconds(std::clamp(
                                                     timeout, absl::ZeroDuration(), absl::Hours(24)));
  std::string wire;
  if (request.headers.Find("host") != nullptr) {
    wire = FormatRequest(request);
  } else {
    Request named = request;
    named.headers.Add("host", socket_path_.substr(socket_path_.rfind('/') + 1));
    wire = FormatRequest(named);
  }
  const bool head_only = request.method == "HEAD";

  bool answered = false;
  if (StillOpen()) {
    absl::StatusOr<Response> response = SendOnce(wire, head_only, deadline, answered);
    if (response.ok() || answered || response.status().code() != absl::StatusCode::kUnavailable)
      return response;
  }
  RETURN_IF_ERROR(Open(deadline));
  return SendOnce(wire, head_only, deadline, answered);
}

absl::Status UnixClient::Open(Deadline deadline) {
  connection_.reset();
  for (;;) {
    const absl::Duration left = absl::FromChrono(deadline - SteadyClock::now());
    const absl::Duration slice = cancel_ >= 0 ? std::min(left, kConnectSlice) : left;
    absl::StatusOr<net::UniqueFd> connection = net::ConnectUnix(socket_path_, slice);
    if (connection.ok()) {
      connection_ = *std::move(connection);
      return absl::OkStatus();
    }
    if (!absl::IsDeadlineExceeded(connection.status()) || slice == left) return connection.status();
    if (const absl::Status status = WaitFor(-1, 0, SteadyClock::now()); absl::IsCancelled(status))
      return status;
  }
}

bool UnixClient::StillOpen() const {
  if (!connection_) return false;
  char byte;
  return recv(connection_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
         (errno == EAGAIN || errno == EINTR);
}

absl::Status UnixClient::Broken(int error) const {
  if (error == 0)
    return absl::UnavailableError(absl::StrCat(socket_path_, " closed the connection before it answered"));
  return absl::UnavailableError(ErrnoStatus(error, absl::StrCat("talking to ", socket_path_)).message());
}

absl::Status UnixClient::WaitFor(int fd, short events, Deadline deadline) const {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - SteadyClock::now()).count();
    pollfd wait[] = {{.fd = cancel_, .events = POLLIN, .revents = 0},
                     {.fd = fd, .events = events, .revents = 0}};
    const int ready = poll(wait, std::size(wait), static_cast<int>(std::clamp<int64_t>(left, 0, 1'000'000)));
    if (ready < 0 && errno != EINTR)
      return absl::OkStatus();  // the next read or write will say what is wrong
    if (ready > 0 && wait[0].revents != 0) {
      return absl::CancelledError(absl::StrCat("the call to ", socket_path_, " was given up"));
    }
    if (ready > 0) return absl::OkStatus();
    if (left <= 0) {
      return absl::DeadlineExceededError(absl::StrCat("no answer from ", socket_path_, " in time"));
    }
  }
}

absl::StatusOr<Response> UnixClient::SendOnce(absl::string_view wire, bool head_only, Deadline deadline,
                                              bool& answered) {
  // Kept only when the answer says so; on every other way out it is closed.
  net::UniqueFd connection = std::move(connection_);
  int write_error = 0;
  while (!wire.empty() && write_error == 0) {
    const ssize_t sent = send(connection.get(), wire.data(), wire.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      wire.remove_prefix(static_cast<size_t>(sent));
    } else if (errno == EAGAIN) {
      RETURN_IF_ERROR(WaitFor(connection.get(), POLLOUT, deadline));
    } else if (errno != EINTR) {
      // A daemon that refuses a large body answers and closes before it has read all of it: the answer
      // counts.
      write_error = errno;
    }
  }

  ResponseParser parser(kAnswerBytes,
                        head_only ? ResponseParser::Body::kNone : ResponseParser::Body::kAsDeclared);
  ResponseParser::State state = ResponseParser::State::kNeedMore;
  char buffer[kReadBytes];
  while (state == ResponseParser::State::kNeedMore) {
    const ssize_t got = recv(connection.get(), buffer, sizeof(buffer), 0);
    if (got > 0) {
      answered = true;
      state = parser.Feed(ToBytesView({buffer, static_cast<size_t>(got)}));
    } else if (got == 0) {
      if (!answered) return Broken(write_error);
      state = parser.FeedEnd();
      if (state != ResponseParser::State::kDone) return Broken(0);
    } else if (errno == EAGAIN) {
      RETURN_IF_ERROR(WaitFor(connection.get(), POLLIN, deadline));
    } else if (errno != EINTR) {
      return Broken(errno);
    }
  }
  if (state == ResponseParser::State::kError) {
    return absl::InternalError(absl::StrCat("the answer of ", socket_path_, " is not HTTP, or too long"));
  }
  if (parser.keep_alive() && write_error == 0) connection_ = std::move(connection);
  return parser.Take();
}

}  // namespace aziot::http
