// Base64 in the one form our wire knows: standard alphabet, padded (RFC 4648, section 4).
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/bytes/bytes.h"

namespace aziot {

std::string FormatBase64(BytesView bytes);

// Strict: padding required, no white space, no URL-safe alphabet, zero trailing bits. kInvalidArgument
// otherwise; the message never repeats the text, which may be a secret.
absl::StatusOr<Bytes> ParseBase64(absl::string_view text);

// For configuration written by people: as ParseBase64, but missing padding is accepted.
absl::StatusOr<Bytes> ParseBase64Unpadded(absl::string_view text);

}  // namespace aziot
