// The one table from a status to what a caller sees.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace aziot::rpc {

struct WireStatus {
  int http = 200;
  int grpc = 0;
  std::string message;         // what the caller reads
  bool text_withheld = false;  // the status's own text is not in `message` and belongs in the log
};

// Statuses of errors.h keep their text. Of the others kInvalidArgument, kNotFound and kUnimplemented become
// 400 `a parameter has an invalid value`, the rest 500 `internal error`.
WireStatus ToWire(const absl::Status& status);

}  // namespace aziot::rpc
