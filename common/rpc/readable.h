// How a status carries that its text is for the caller: a payload naming the HTTP status; the gRPC code is
// its own code.
#pragma once

#include <optional>

#include "absl/status/status.h"

namespace aziot::rpc {

absl::Status Readable(absl::StatusCode code, int http_status, absl::string_view text);

// The HTTP status of a status made by Readable.
std::optional<int> ReadableHttpStatus(const absl::Status& status);

}  // namespace aziot::rpc
