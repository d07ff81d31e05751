#include "provisiond/api/dps/dps_error.h"

#include "absl/strings/str_cat.h"
#include "provisiond/api/family.h"
#include "provisiond/lifecycle/fault.h"

namespace aziot::provisiond::api::dps {

int ErrorCode(const absl::Status& status) {
  const std::optional<Fault> fault = FaultOf(status);
  if (!fault) return 500000;
  switch (*fault) {
    case Fault::kInvalid:
    case Fault::kInvalidState:
    case Fault::kNotSupported:
    case Fault::kDeviceExists:
    case Fault::kModuleExists:
      return 400004;
    case Fault::kInvalidEndorsementKey:
      return 400201;
    case Fault::kInvalidRegistrationId:
      return 400202;
    case Fault::kInvalidGroupId:
      return 400204;
    case Fault::kTooMany:
      return 400205;
    case Fault::kRepeatedId:
      return 400206;
    case Fault::kUnauthorized:
      return 401002;
    case Fault::kForbidden:
      return 403001;
    case Fault::kEnrollmentNotFound:
      return 404201;
    case Fault::kRegistrationNotFound:
      return 404202;
    case Fault::kOperationNotFound:
      return 404203;
    case Fault::kGroupNotFound:
      return 404204;
    case Fault::kNoRoute:
    case Fault::kDeviceNotFound:
    case Fault::kModuleNotFound:
      return 404001;
    case Fault::kMethodNotAllowed:
      return 405001;
    case Fault::kEnrollmentExists:
      return 409201;
    case Fault::kGroupExists:
      return 409202;
    case Fault::kEtagMismatch:
      return 412001;
    case Fault::kTooLarge:
      return 413001;
    case Fault::kMisdirected:
      return 421001;
    case Fault::kThrottled:
      return 429001;
  }
  return 500000;
}

http::Response ErrorResponse(const absl::Status& status, absl::string_view request_id, const Clock& clock) {
  const int code = ErrorCode(status);
  // Why a proof failed is for the log: the caller learns that it did.
  const std::string message = code == 401002   ? "Unauthorized"
                              : code == 500000 ? "Internal error"
                                               : std::string(status.message());
  http::Response response =
      JsonResponse(code / 1000, {{"errorCode", code},
                                 {"trackingId", std::string(request_id)},
                                 {"message", message},
                                 {"timestampUtc", FormatTime(absl::ToUnixMicros(clock.Now()))}});
  response.headers.Add("x-ms-error-code", absl::StrCat(code));
  if (const auto wait = RetryAfterOf(status)) response.headers.Add("Retry-After", absl::StrCat(*wait));
  return response;
}

}  // namespace aziot::provisiond::api::dps
