#include "keyd/backend/pkcs11/ckr.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "keyd/backend/pkcs11/ckr_names.h"

namespace aziot::keyd::pkcs11 {
namespace {

constexpr absl::string_view kPayload = "aziot.keyd/ckr";

absl::StatusCode CodeOf(CK_RV code) {
  if (IsPinRefusal(code)) return absl::StatusCode::kUnavailable;
  switch (code) {
    case CKR_USER_NOT_LOGGED_IN:
    case CKR_USER_PIN_NOT_INITIALIZED:
    case CKR_USER_ANOTHER_ALREADY_LOGGED_IN:
    case CKR_SESSION_CLOSED:
    case CKR_SESSION_HANDLE_INVALID:
    case CKR_SESSION_COUNT:
    case CKR_SLOT_ID_INVALID:
    case CKR_DEVICE_ERROR:
    case CKR_DEVICE_REMOVED:
    case CKR_TOKEN_NOT_PRESENT:
    case CKR_TOKEN_NOT_RECOGNIZED:
    case CKR_CRYPTOKI_NOT_INITIALIZED:
    case CKR_FUNCTION_CANCELED:
    case CKR_LIBRARY_LOAD_FAILED:
      return absl::StatusCode::kUnavailable;
    case CKR_DEVICE_MEMORY:
    case CKR_HOST_MEMORY:
      return absl::StatusCode::kResourceExhausted;
    case CKR_OBJECT_HANDLE_INVALID:
    case CKR_KEY_HANDLE_INVALID:
      return absl::StatusCode::kNotFound;
    case CKR_KEY_TYPE_INCONSISTENT:
    case CKR_KEY_FUNCTION_NOT_PERMITTED:
      return absl::StatusCode::kInvalidArgument;
    case CKR_TOKEN_WRITE_PROTECTED:
    case CKR_SESSION_READ_ONLY:
      return absl::StatusCode::kFailedPrecondition;
    default:
      return IsRefusal(code) ? absl::StatusCode::kUnimplemented : absl::StatusCode::kInternal;
  }
}

}  // namespace

std::string NameOfCkr(CK_RV code) {
  const auto row = std::find_if(std::begin(kCkrNames), std::end(kCkrNames),
                                [&](const CkrName& known) { return known.code == code; });
  if (row != std::end(kCkrNames)) return row->name;
  if (code >= CKR_VENDOR_DEFINED) {
    return absl::StrCat("CKR_VENDOR_DEFINED + 0x", absl::Hex(code - CKR_VENDOR_DEFINED));
  }
  return absl::StrCat("CKR 0x", absl::Hex(code));
}

absl::Status ToStatus(CK_RV code, absl::string_view function) {
  if (code == CKR_OK) return absl::OkStatus();
  absl::Status status(CodeOf(code), absl::StrCat(function, ": ", NameOfCkr(code)));
  status.SetPayload(kPayload, absl::Cord(absl::StrCat(code)));
  return status;
}

absl::Status LoginFailed(CK_RV code, absl::string_view text) {
  absl::Status status = absl::UnavailableError(text);
  status.SetPayload(kPayload, absl::Cord(absl::StrCat(code)));
  return status;
}

std::optional<CK_RV> CkrOf(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kPayload);
  uint64_t code = 0;
  if (!payload.has_value() || !absl::SimpleAtoi(std::string(*payload), &code)) return std::nullopt;
  return static_cast<CK_RV>(code);
}

Remedy RemedyFor(CK_RV code) {
  switch (code) {
    case CKR_OBJECT_HANDLE_INVALID:
    case CKR_KEY_HANDLE_INVALID:
    case CKR_KEY_CHANGED:
      return Remedy::kObjects;
    case CKR_SESSION_CLOSED:
    case CKR_SESSION_HANDLE_INVALID:
    case CKR_SESSION_EXISTS:
    case CKR_USER_NOT_LOGGED_IN:
    case CKR_OPERATION_ACTIVE:
    case CKR_OPERATION_NOT_INITIALIZED:
    case CKR_FUNCTION_CANCELED:
    case CKR_CANCEL:
    case CKR_GENERAL_ERROR:
    case CKR_FUNCTION_FAILED:
      return Remedy::kSessions;
    case CKR_SLOT_ID_INVALID:
    case CKR_DEVICE_ERROR:
    case CKR_DEVICE_REMOVED:
    case CKR_TOKEN_NOT_PRESENT:
    case CKR_TOKEN_NOT_RECOGNIZED:
      return Remedy::kToken;
    case CKR_CRYPTOKI_NOT_INITIALIZED:
    case CKR_MUTEX_BAD:
    case CKR_MUTEX_NOT_LOCKED:
      return Remedy::kModule;
    default:
      return Remedy::kNone;
  }
}

bool IsRefusal(CK_RV code) {
  switch (code) {
    case CKR_FUNCTION_NOT_SUPPORTED:
    case CKR_MECHANISM_INVALID:
    case CKR_MECHANISM_PARAM_INVALID:
    case CKR_ATTRIBUTE_READ_ONLY:
    case CKR_ATTRIBUTE_SENSITIVE:
    case CKR_ATTRIBUTE_TYPE_INVALID:
    case CKR_ATTRIBUTE_VALUE_INVALID:
    case CKR_ACTION_PROHIBITED:
    case CKR_TEMPLATE_INCOMPLETE:
    case CKR_TEMPLATE_INCONSISTENT:
    case CKR_KEY_SIZE_RANGE:
    case CKR_DOMAIN_PARAMS_INVALID:
    case CKR_CURVE_NOT_SUPPORTED:
    case CKR_FUNCTION_REJECTED:
      return true;
    default:
      return false;
  }
}

bool IsPinRefusal(CK_RV code) {
  switch (code) {
    case CKR_PIN_INCORRECT:
    case CKR_PIN_INVALID:
    case CKR_PIN_LEN_RANGE:
    case CKR_PIN_EXPIRED:
    case CKR_PIN_LOCKED:
      return true;
    default:
      return false;
  }
}

bool IsVague(CK_RV code) {
  return code == CKR_GENERAL_ERROR || code == CKR_FUNCTION_FAILED || code == CKR_DEVICE_ERROR;
}

}  // namespace aziot::keyd::pkcs11
