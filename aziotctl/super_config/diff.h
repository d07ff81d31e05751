// What `config apply` would change, for people to read.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace aziot::ctl {

// `text`, as FormatConfig makes it, with passwords, PINs and TPM authorisations as ******.
std::string Redacted(absl::string_view text);

// Line by line: `-` for what goes, `+` for what comes, a space for what stays. Compared as it is, shown
// redacted: a changed password is a changed line.
std::string Diff(absl::string_view before, absl::string_view after);

}  // namespace aziot::ctl
