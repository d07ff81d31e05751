// Lower-case hexadecimal, as file names and thumbprints are written.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/bytes/bytes.h"

namespace aziot {

std::string FormatHex(BytesView bytes);

// Either case, an even number of digits; kInvalidArgument otherwise.
absl::StatusOr<Bytes> ParseHex(absl::string_view text);

}  // namespace aziot
