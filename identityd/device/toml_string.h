// Text as a TOML basic string: how every state file of the device is written.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace aziot::identityd {

// With its quotes; `text` is UTF-8.
std::string FormatTomlString(absl::string_view text);

}  // namespace aziot::identityd
