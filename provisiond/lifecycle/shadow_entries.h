// A disabled device must not come back through its enrolment: an individual entry is disabled with it, a
// device of a group gets a disabled individual entry of its own.
#pragma once

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "provisiond/store/devices.h"

namespace aziot::provisiond {

absl::Status BlockEnrollment(store::Session& session, const store::Device& device, absl::Time now);
absl::Status UnblockEnrollment(store::Session& session, const store::Device& device, absl::Time now);

}  // namespace aziot::provisiond
