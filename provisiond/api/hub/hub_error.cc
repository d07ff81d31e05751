#include "provisiond/api/hub/hub_error.h"

#include "absl/strings/str_cat.h"
#include "provisiond/api/family.h"
#include "provisiond/lifecycle/fault.h"

namespace aziot::provisiond::api::hub {

ErrorName NameOf(const absl::Status& status) {
  const std::optional<Fault> fault = FaultOf(status);
  if (!fault) return {500, 500001, "ServerError"};
  switch (*fault) {
    case Fault::kUnauthorized:
      return {401, 401003, "IotHubUnauthorized"};
    case Fault::kForbidden:
      return {403, 403001, "Forbidden"};
    case Fault::kDeviceNotFound:
      return {404, 404001, "DeviceNotFound"};
    case Fault::kModuleNotFound:
      return {404, 404010, "ModuleNotFound"};
    case Fault::kNoRoute:
    case Fault::kEnrollmentNotFound:
    case Fault::kGroupNotFound:
    case Fault::kRegistrationNotFound:
    case Fault::kOperationNotFound:
      return {404, 404000, "NotFound"};
    case Fault::kMethodNotAllowed:
      return {405, 405000, "MethodNotAllowed"};
    case Fault::kDeviceExists:
      return {409, 409001, "DeviceAlreadyExists"};
    case Fault::kModuleExists:
      return {409, 409301, "ModuleAlreadyExistsOnDevice"};
    case Fault::kInvalidState:
    case Fault::kEnrollmentExists:
    case Fault::kGroupExists:
      return {409, 409000, "Conflict"};
    case Fault::kEtagMismatch:
      return {412, 412001, "PreconditionFailed"};
    case Fault::kTooLarge:
      return {413, 413001, "RequestEntityTooLarge"};
    case Fault::kTooMany:
      return {403, 403006, "TooManyModulesOnDevice"};
    case Fault::kMisdirected:
      return {421, 421001, "MisdirectedRequest"};
    case Fault::kThrottled:
      return {429, 429001, "ThrottlingException"};
    case Fault::kInvalid:
    case Fault::kNotSupported:
    case Fault::kInvalidRegistrationId:
    case Fault::kInvalidGroupId:
    case Fault::kInvalidEndorsementKey:
    case Fault::kRepeatedId:
      break;
  }
  return {400, 400004, "ArgumentInvalid"};
}

http::Response ErrorResponse(const absl::Status& status, absl::string_view request_id, const Clock& clock) {
  const ErrorName error = NameOf(status);
  // Why a proof failed is for the log: the caller learns that it did.
  const std::string text = error.http == 401   ? "Unauthorized"
                           : error.http == 500 ? "Internal error"
                                               : std::string(status.message());
  http::Response response = JsonResponse(
      error.http, {{"Message", absl::StrCat("ErrorCode:", error.name, ";", text)},
                   {"ExceptionMessage", absl::StrCat("Tracking ID:", request_id, "-TimeStamp:",
                                                     FormatTime(absl::ToUnixMicros(clock.Now())))}});
  response.headers.Add("iothub-errorcode", error.name);
  if (const auto wait = RetryAfterOf(status)) response.headers.Add("Retry-After", absl::StrCat(*wait));
  return response;
}

}  // namespace aziot::provisiond::api::hub
