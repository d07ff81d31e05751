// The JSON document that goes to DPS with a registration.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace aziot::identityd {

// Reads the `file://` location, compact and with members sorted by byte order. kInvalidArgument for another
// scheme, an unreadable file and what is no JSON.
absl::StatusOr<std::string> ReadPayload(absl::string_view uri);

}  // namespace aziot::identityd
