// A word for programs beside an error's text for people: `"code"` after `"message"` in the body of a REST
// error. A service adds it under api-versions that have it (2026-12-01 and later); clients of older ones
// compare whole bodies.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace aziot::rpc {

absl::Status WithErrorCode(absl::Status status, absl::string_view code);

// "" for a status without one.
std::string ErrorCodeOf(const absl::Status& status);

}  // namespace aziot::rpc
