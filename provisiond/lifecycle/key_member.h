#pragma once

#include <optional>

#include "absl/status/statusor.h"
#include "common/bytes/secret.h"
#include "provisiond/lifecycle/json.h"

namespace aziot::provisiond {

// A member that holds a key in base64; absent and "" both mean "generate", or "keep". kInvalid otherwise; the
// message never repeats the text.
absl::StatusOr<std::optional<Secret>> KeyMember(const Json& object, absl::string_view name);

}  // namespace aziot::provisiond
