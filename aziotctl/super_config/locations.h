// Locations and addresses as the split files hold them: checked, and written in one form.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace aziot::ctl {

// `option` names the key of the file in refusals (kInvalidArgument); a text that may be a secret is never
// repeated.
absl::Status BadOption(absl::string_view option, absl::string_view what);

// `file:///…` or `pkcs11:…`.
absl::StatusOr<std::string> KeyLocation(absl::string_view option, absl::string_view text);
// `file:///…` alone.
absl::StatusOr<std::string> FileLocation(absl::string_view option, absl::string_view text);

// http or https. Scheme and host in lower case, a default port dropped, an empty path made "/".
absl::StatusOr<std::string> NormalUrl(absl::string_view option, absl::string_view text);

// `N%` (1 to 99), `Nmin` or `Nday` (1 or more): when a certificate is renewed.
absl::Status CheckRenewalPolicy(absl::string_view option, absl::string_view text);

}  // namespace aziot::ctl
