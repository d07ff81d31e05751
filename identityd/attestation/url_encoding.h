// Percent-encoding as DPS and hub have always seen it from this daemon: `$` and `@` stay as they are, `=`
// does not.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace aziot::identityd {

// One segment of a path: `/` is encoded too.
std::string EncodeSegment(absl::string_view text);
// A resource inside a SAS token: `/` stays.
std::string EncodeResource(absl::string_view text);
// application/x-www-form-urlencoded, for base64 values.
std::string EncodeForm(absl::string_view text);

}  // namespace aziot::identityd
