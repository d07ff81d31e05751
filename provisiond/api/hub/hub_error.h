// Refusals in the format of the hub: `{"Message":"ErrorCode:<Name>;<text>","ExceptionMessage":…}`.
#pragma once

#include "absl/status/status.h"
#include "common/clock/clock.h"
#include "common/http/message.h"

namespace aziot::provisiond::api::hub {

struct ErrorName {
  int http;
  int code;
  absl::string_view name;
};
ErrorName NameOf(const absl::Status& status);

http::Response ErrorResponse(const absl::Status& status, absl::string_view request_id, const Clock& clock);

}  // namespace aziot::provisiond::api::hub
