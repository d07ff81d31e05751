// A blocking HTTP/1.1 client for daemons on the same host: one request at a time over a Unix socket, the connection is
// kept and reopened as needed. Not thread-safe: one client a thread.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/http/message.h"
#include "common/net/unique_fd.h"

namespace aziot::http {

class UnixClient {
 public:
  explicit UnixClient(std::string socket_path) : socket_path_(std::move(socket_path)) {}

  // kUnavailable: nobody listens, or the connection broke (one that was kept and found closed before a byte of the
  // answer came is reopened once); kDeadlineExceeded: no whole answer within `timeout`; kInternal: not HTTP, or an
  // answer over 16 MiB.
  absl::StatusOr<Response> Send(const Request& request, absl::Duration timeout);

 private:
  absl::StatusOr<Response> SendOnce(const std::string& wire, bool head_only, absl::Time deadline, bool& reusable,
                                    bool& answered);

  std::string socket_path_;
  net::UniqueFd connection_;
};

}  // namespace aziot::http
