#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace aziot::provisiond {

// An If-Match value: absent, any, or one tag.
using IfMatch = std::optional<std::string>;

// kEtagMismatch unless `wanted` is absent, "*" or `etag`.
absl::Status CheckEtag(const IfMatch& wanted, absl::string_view etag);

}  // namespace aziot::provisiond
