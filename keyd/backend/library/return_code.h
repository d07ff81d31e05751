// What a function of a key library answers, as a status.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "keyd/backend/library/aziot-keys.h"

namespace aziot::keyd::library {

// For messages: which library was called, for what.
struct Call {
  absl::string_view library;
  absl::string_view function;
  absl::string_view subject;  // a key id or the name of a parameter
};

// "1 (invalid parameter)".
std::string DescribeCode(AZIOT_KEYS_RC code);

// kInvalidArgument for AZIOT_KEYS_RC_ERR_INVALID_PARAMETER, kInternal for every other code but OK.
absl::Status ToStatus(AZIOT_KEYS_RC code, const Call& call);

// kInternal: the library answered, but not with what was asked for.
absl::Status BadAnswer(const Call& call, absl::string_view what);

}  // namespace aziot::keyd::library
