// OpenSSL's own account of a failure, carried inside a status.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace aziot::openssl {

// Empties the thread's OpenSSL error queue into one status: "<doing>: <reason>; <reason>". Called where the
// failure happens.
absl::Status ErrorFromQueue(absl::StatusCode code, absl::string_view doing);

}  // namespace aziot::openssl
