// Why a call was refused, in words every API family can translate into its own codes. Carried inside a
// status; a status without one is a failure of ours, and callers see no more than that.
#pragma once

#include <optional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace aziot::provisiond {

enum class Fault {
  kInvalid,
  kUnauthorized,
  kForbidden,
  kNotSupported,
  kDeviceNotFound,
  kModuleNotFound,
  kEnrollmentNotFound,
  kGroupNotFound,
  kRegistrationNotFound,
  kOperationNotFound,
  kNoRoute,
  kMethodNotAllowed,
  kDeviceExists,
  kModuleExists,
  kEnrollmentExists,
  kGroupExists,
  kInvalidState,
  kEtagMismatch,
  kTooLarge,
  kTooMany,
  kThrottled,
  kInvalidRegistrationId,
  kInvalidGroupId,
  kInvalidEndorsementKey,
  kRepeatedId,
  kMisdirected,
};

// `text` is for the caller to read.
absl::Status Refuse(Fault fault, absl::string_view text);
absl::Status Throttled(absl::Duration wait);

std::optional<Fault> FaultOf(const absl::Status& status);
// Whole seconds, at least 1; nullopt when the status asks for no wait.
std::optional<int64_t> RetryAfterOf(const absl::Status& status);

}  // namespace aziot::provisiond
