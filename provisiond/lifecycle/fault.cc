#include "provisiond/lifecycle/fault.h"

#include <algorithm>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace aziot::provisiond {
namespace {

constexpr absl::string_view kFault = "aziot.provisiond/fault";
constexpr absl::string_view kRetryAfter = "aziot.provisiond/retry-after";

absl::StatusCode CodeOf(Fault fault) {
  switch (fault) {
    case Fault::kUnauthorized:
      return absl::StatusCode::kUnauthenticated;
    case Fault::kForbidden:
      return absl::StatusCode::kPermissionDenied;
    case Fault::kNotSupported:
      return absl::StatusCode::kUnimplemented;
    case Fault::kDeviceNotFound:
    case Fault::kModuleNotFound:
    case Fault::kEnrollmentNotFound:
    case Fault::kGroupNotFound:
    case Fault::kRegistrationNotFound:
    case Fault::kOperationNotFound:
    case Fault::kNoRoute:
      return absl::StatusCode::kNotFound;
    case Fault::kDeviceExists:
    case Fault::kModuleExists:
    case Fault::kEnrollmentExists:
    case Fault::kGroupExists:
      return absl::StatusCode::kAlreadyExists;
    case Fault::kInvalidState:
    case Fault::kEtagMismatch:
      return absl::StatusCode::kFailedPrecondition;
    case Fault::kTooLarge:
    case Fault::kTooMany:
    case Fault::kThrottled:
      return absl::StatusCode::kResourceExhausted;
    default:
      return absl::StatusCode::kInvalidArgument;
  }
}

std::optional<int64_t> Payload(const absl::Status& status, absl::string_view name) {
  const absl::optional<absl::Cord> payload = status.GetPayload(name);
  int64_t number = 0;
  if (!payload || !absl::SimpleAtoi(std::string(*payload), &number)) return std::nullopt;
  return number;
}

}  // namespace

absl::Status Refuse(Fault fault, absl::string_view text) {
  absl::Status status(CodeOf(fault), text);
  status.SetPayload(kFault, absl::Cord(absl::StrCat(static_cast<int>(fault))));
  return status;
}

absl::Status Throttled(absl::Duration wait) {
  absl::Status status = Refuse(Fault::kThrottled, "too many requests");
  status.SetPayload(kRetryAfter, absl::Cord(absl::StrCat(std::max<int64_t>(
                                     1, absl::ToInt64Seconds(absl::Ceil(wait, absl::Seconds(1)))))));
  return status;
}

std::optional<Fault> FaultOf(const absl::Status& status) {
  const std::optional<int64_t> number = Payload(status, kFault);
  return number ? std::optional(static_cast<Fault>(*number)) : std::nullopt;
}

std::optional<int64_t> RetryAfterOf(const absl::Status& status) { return Payload(status, kRetryAfter); }

}  // namespace aziot::provisiond
