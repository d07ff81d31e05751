// What the headers of an answer say beside its status, and how a status carries it on.
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/http/message.h"

namespace aziot::https {

// `Retry-After`, in seconds or as a date, bounded to 1 s to 10 min; nullopt when there is none.
std::optional<absl::Duration> RetryAfter(const http::Response& response, absl::Time now);

// `status` with the wait that the server asked for; RetryAfterOf reads it, zero when there is none.
absl::Status WithRetryAfter(absl::Status status, std::optional<absl::Duration> wait);
absl::Duration RetryAfterOf(const absl::Status& status);

// What to tell about clocks when the server refuses a token: by how much its `Date` differs from `now`, when
// that is more than a minute, else "".
std::string ClockHint(const http::Response& response, absl::Time now);

}  // namespace aziot::https
