// A blocking HTTP/1.1 client for daemons on the same host: one request at a time over a Unix socket, the
// connection is kept and reopened as needed. Not thread-safe: one client a thread.
#pragma once

#include <chrono>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/http/message.h"
#include "common/net/unique_fd.h"

namespace aziot::http {

class UnixClient {
 public:
  // `cancel`: a descriptor that ends Send (kCancelled) as soon as it is readable, for as long as it stays so;
  // it must outlive the client. -1: none.
  explicit UnixClient(std::string socket_path, int cancel = -1)
      : socket_path_(std::move(socket_path)), cancel_(cancel) {}

  // Adds `host` (the socket's base name) when the request has none. kUnavailable: nobody listens, or the
  // connection broke (one that was kept and found closed before a byte of the answer came is reopened once);
  // kDeadlineExceeded: no whole answer within `timeout`; kInternal: not HTTP, or an answer over 16 MiB.
  absl::StatusOr<Response> Send(const Request& request, absl::Duration timeout);

 private:
  using Deadline = std::chrono::steady_clock::time_point;

  absl::Status Open(Deadline deadline);
  // `answered`: a byte of the answer came.
  absl::StatusOr<Response> SendOnce(absl::string_view wire, bool head_only, Deadline deadline,
                                    bool& answered);
  // True when the kept connection still waits for a request.
  bool StillOpen() const;
  absl::Status Broken(int error) const;
  // OK once `events` may be done; else the deadline's or the cancellation's status.
  absl::Status WaitFor(int fd, short events, Deadline deadline) const;

  std::string socket_path_;
  int cancel_;
  net::UniqueFd connection_;
};

}  // namespace aziot::http
