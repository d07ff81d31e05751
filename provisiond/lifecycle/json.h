// JSON of others: read leniently, but bounded in depth, so that no document can exhaust the stack.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace aziot::provisiond {

using Json = nlohmann::json;

// kInvalid for what is not JSON, not UTF-8, or nested deeper than 64.
absl::StatusOr<Json> ParseJson(absl::string_view text);
// As ParseJson, and an object. An empty text is {} .
absl::StatusOr<Json> ParseObject(absl::string_view text);

// A member of an object; absent and null are nullopt, another type is kInvalid naming the member.
absl::StatusOr<std::optional<std::string>> TextMember(const Json& object, absl::string_view name);
absl::StatusOr<std::optional<bool>> BoolMember(const Json& object, absl::string_view name);
// Objects and arrays; nullptr for absent and null.
absl::StatusOr<const Json*> ObjectMember(const Json& object, absl::string_view name);
absl::StatusOr<const Json*> ArrayMember(const Json& object, absl::string_view name);

// RFC 3339 in UTC, as the services write times.
std::string FormatTime(int64_t unix_micros);

}  // namespace aziot::provisiond
