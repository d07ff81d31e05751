#include "common/rpc/wire_status.h"

#include "common/rpc/readable.h"

namespace aziot::rpc {

WireStatus ToWire(const absl::Status& status) {
  if (status.ok()) return {};
  if (const std::optional<int> http = ReadableHttpStatus(status)) {
    return {.http = *http, .grpc = static_cast<int>(status.code()), .message = std::string(status.message())};
  }
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kUnimplemented:
      return {.http = 400,
              .grpc = static_cast<int>(absl::StatusCode::kInvalidArgument),
              .message = "a parameter has an invalid value",
              .text_withheld = true};
    default:
      return {.http = 500,
              .grpc = static_cast<int>(absl::StatusCode::kInternal),
              .message = "internal error",
              .text_withheld = true};
  }
}

}  // namespace aziot::rpc
