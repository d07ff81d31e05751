// Telemetry as devices send it: one message a request, or a batch of them in JSON.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "provisiond/api/call.h"
#include "provisiond/lifecycle/telemetry.h"

namespace aziot::provisiond::api::hub {

// kInvalid for a batch that is none.
absl::StatusOr<std::vector<Telemetry::Sent>> MessagesOf(const Call& call);

}  // namespace aziot::provisiond::api::hub
