// Unix stream sockets: made, bound or taken over from the service manager, and connected to.
#pragma once

#include <sys/types.h>

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/net/unique_fd.h"

namespace aziot::net {

// The descriptor passed under the LISTEN_PID/LISTEN_FDS protocol, close-on-exec; an empty UniqueFd when there
// is none for this process, or more than one. kInvalidArgument when it is no listening Unix stream socket.
absl::StatusOr<UniqueFd> ActivatedSocket();

// Binds and listens at `path` with mode 0660. A stale socket or another file that stands there is removed
// first, also an empty directory (container engines make one when they mount a socket that is not there yet).
// A socket that somebody answers on is kAlreadyExists, a directory with something in it an error, a path over
// 107 bytes kInvalidArgument.
absl::StatusOr<UniqueFd> ListenUnix(absl::string_view path, mode_t mode = 0660);

// Connects, close-on-exec and non-blocking. kUnavailable when nobody listens, kDeadlineExceeded when the
// backlog stays full for `timeout`.
absl::StatusOr<UniqueFd> ConnectUnix(absl::string_view path, absl::Duration timeout);

}  // namespace aziot::net
