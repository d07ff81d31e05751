#include "common/rpc/errors.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/rpc/readable.h"

namespace aziot::rpc {
namespace {

constexpr absl::string_view kPayload = "aziot.rpc/http";

std::string WithCause(absl::string_view first_line, absl::string_view cause) {
  return cause.empty() ? std::string(first_line) : absl::StrCat(first_line, "\ncaused by: ", cause);
}

}  // namespace

absl::Status Readable(absl::StatusCode code, int http_status, absl::string_view text) {
  absl::Status status(code, text);
  status.SetPayload(kPayload, absl::Cord(absl::StrCat(http_status)));
  return status;
}

std::optional<int> ReadableHttpStatus(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kPayload);
  int http_status = 0;
  if (!payload.has_value() || !absl::SimpleAtoi(std::string(*payload), &http_status)) return std::nullopt;
  return http_status;
}

absl::Status InvalidParameter(absl::string_view name, absl::string_view cause) {
  return Readable(absl::StatusCode::kInvalidArgument, 400,
                  WithCause(absl::StrCat("parameter \"", name, "\" has an invalid value"), cause));
}

absl::Status BadRequest(absl::string_view text) {
  return Readable(absl::StatusCode::kInvalidArgument, 400, text);
}

absl::Status WrongState(absl::string_view text) {
  return Readable(absl::StatusCode::kFailedPrecondition, 400, text);
}

absl::Status NotAuthorized(absl::string_view text) {
  return Readable(absl::StatusCode::kPermissionDenied, 401, text);
}

absl::Status Unprocessable(absl::string_view text) {
  return Readable(absl::StatusCode::kInvalidArgument, 422, text);
}

absl::Status PeerFailed(absl::string_view first_line, absl::string_view cause) {
  return Readable(absl::StatusCode::kUnavailable, 404, WithCause(first_line, cause));
}

absl::Status NoRoute() { return Readable(absl::StatusCode::kNotFound, 404, "not found"); }

absl::Status Busy(absl::string_view text) {
  return Readable(absl::StatusCode::kResourceExhausted, 503, text);
}

absl::Status InternalError(absl::string_view cause) { return absl::InternalError(cause); }

absl::Status RequestRefused(int http_status) {
  switch (http_status) {
    case 408:
      return Readable(absl::StatusCode::kDeadlineExceeded, 408, "deadline has elapsed");
    case 413:
      return Readable(absl::StatusCode::kResourceExhausted, 413, "request body too large");
    case 414:
      return Readable(absl::StatusCode::kResourceExhausted, 414, "request target too long");
    case 415:
      return Readable(absl::StatusCode::kInvalidArgument, 415, "request body must be application/json");
    case 431:
      return Readable(absl::StatusCode::kResourceExhausted, 431, "request header too large");
    default:
      return BadRequest("bad request");
  }
}

}  // namespace aziot::rpc
