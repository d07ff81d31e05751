// The clock of a time server, asked over SNTP (RFC 4330).
#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace aziot::ctl {

// How far this machine's clock is behind the server's; negative when it is ahead. `server` is HOST or
// HOST:PORT, the port 123 unless given. kNotFound: the name has no address; kDeadlineExceeded: no answer in
// `timeout`; kInvalidArgument: no host, or no port; kDataLoss: an answer that cannot be used; otherwise the
// failure of a system call.
absl::StatusOr<absl::Duration> ClockOffset(absl::string_view server, absl::Duration timeout);

}  // namespace aziot::ctl
