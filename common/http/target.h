// Request targets (RFC 9112, section 3.2) taken apart: path and query, percent-encoding.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace aziot::http {

struct Target {
  std::string path;  // still encoded, begins with '/'
  // Decoded as a form (RFC 1866, 8.2.1): '+' is a space. In order of arrival.
  std::vector<std::pair<std::string, std::string>> query;

  // First and last value of a parameter, or nullptr.
  const std::string* First(absl::string_view name) const;
  const std::string* Last(absl::string_view name) const;
};

// Origin form and absolute form; scheme and authority of the latter are dropped. Never fails: what is no path
// is "/".
Target ParseTarget(absl::string_view target);

// %XX only ('+' stays). Broken escapes are kept as they stand, as URL libraries do.
std::string PercentDecode(absl::string_view text);

// Encodes everything but unreserved characters (RFC 3986, 2.3).
std::string PercentEncode(absl::string_view text);

}  // namespace aziot::http
