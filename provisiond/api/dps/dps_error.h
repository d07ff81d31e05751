// Refusals in the format of the provisioning service: `{"errorCode","trackingId","message","timestampUtc"}`.
#pragma once

#include "absl/status/status.h"
#include "common/clock/clock.h"
#include "common/http/message.h"
#include "provisiond/api/call.h"

namespace aziot::provisiond::api::dps {

// 401002, 404201, …; 500000 for a status without a fault.
int ErrorCode(const absl::Status& status);
http::Response ErrorResponse(const absl::Status& status, absl::string_view request_id, const Clock& clock);

}  // namespace aziot::provisiond::api::dps
