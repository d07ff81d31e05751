// Errors that a caller may read. Each function fixes the HTTP status, the gRPC code and the first line of the
// text; causes follow as `\ncaused by: …`. Any other status that reaches the wire shows its class only (see
// wire_status.h) and its text goes to the log.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace aziot::rpc {

// 400, INVALID_ARGUMENT: `parameter "<name>" has an invalid value`, then the cause.
absl::Status InvalidParameter(absl::string_view name, absl::string_view cause);
// 400, INVALID_ARGUMENT, with `text` as it stands.
absl::Status BadRequest(absl::string_view text);
// 400, FAILED_PRECONDITION: the daemon's state does not allow the call (`device identity not found`).
absl::Status WrongState(absl::string_view text);
// 401, PERMISSION_DENIED. Never 403: deployed clients know no other.
absl::Status NotAuthorized(absl::string_view text);
// 422, INVALID_ARGUMENT: the request's content does not fit the schema.
absl::Status Unprocessable(absl::string_view text);
// 404, UNAVAILABLE: a service this one depends on refused or could not be reached: `<first line>`, then the
// cause.
absl::Status PeerFailed(absl::string_view first_line, absl::string_view cause);
// 404, NOT_FOUND: no such route.
absl::Status NoRoute();
// 503, RESOURCE_EXHAUSTED: waited too long for a turn, or shutting down.
absl::Status Busy(absl::string_view text);
// 500, INTERNAL: `internal error` on the wire; `cause` is for the log.
absl::Status InternalError(absl::string_view cause);

// A request that did not arrive as one that can be read, with a fixed text: 408 `deadline has elapsed`
// (DEADLINE_EXCEEDED), 413, 414 and 431 (RESOURCE_EXHAUSTED), 415 `request body must be application/json`;
// any other status is 400 `bad request` (INVALID_ARGUMENT).
absl::Status RequestRefused(int http_status);

}  // namespace aziot::rpc
