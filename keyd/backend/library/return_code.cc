#include "keyd/backend/library/return_code.h"

#include "absl/strings/str_cat.h"

namespace aziot::keyd::library {
namespace {

std::string Name(const Call& call) {
  return absl::StrCat("key library ", call.library, ": ", call.function, "(\"", call.subject, "\") ");
}

}  // namespace

std::string DescribeCode(AZIOT_KEYS_RC code) {
  switch (code) {
    case AZIOT_KEYS_RC_OK:
      return "0 (OK)";
    case AZIOT_KEYS_RC_ERR_INVALID_PARAMETER:
      return "1 (invalid parameter)";
    case AZIOT_KEYS_RC_ERR_EXTERNAL:
      return "2 (external error)";
    default:
      return absl::StrCat(code, " (no code of the interface)");
  }
}

absl::Status ToStatus(AZIOT_KEYS_RC code, const Call& call) {
  if (code == AZIOT_KEYS_RC_OK) return absl::OkStatus();
  const std::string text =
      absl::StrCat(Name(call), "returned ", DescribeCode(code), " and should have logged why");
  return code == AZIOT_KEYS_RC_ERR_INVALID_PARAMETER ? absl::InvalidArgumentError(text)
                                                     : absl::InternalError(text);
}

absl::Status BadAnswer(const Call& call, absl::string_view what) {
  return absl::InternalError(absl::StrCat(Name(call), what, "; the library does not keep to its interface"));
}

}  // namespace aziot::keyd::library
