#pragma once

#include "absl/strings/string_view.h"

namespace aziot {

// Well-formed UTF-8 as RFC 3629 defines it: no surrogates, no overlong forms, nothing above U+10FFFF.
bool IsUtf8(absl::string_view text);

}  // namespace aziot
