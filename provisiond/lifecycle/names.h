// What ids and other short texts may hold.
#pragma once

#include "absl/strings/string_view.h"

namespace aziot::provisiond {

// Letters, digits and `- . _ :`, at most 128, the last one a letter, a digit or `-`.
bool IsRegistrationId(absl::string_view text);
// The same alphabet without `:`.
bool IsGroupId(absl::string_view text);
// Letters, digits and - . + % _ # * ? ! ( ) , : = @ $ ', at most 128.
bool IsDeviceId(absl::string_view text);
// Why a device has its status: at most 128 characters of UTF-8.
bool IsReason(absl::string_view text);
// `0ne` and at least eight letters or digits; case does not count.
bool IsIdScope(absl::string_view text);

}  // namespace aziot::provisiond
