// The append-only record of what was changed, released or refused. Each line carries the hash of the one
// before it, so that a line cannot be altered or taken out unnoticed.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "provisiond/store/database.h"

namespace aziot::provisiond::audit {

struct Line {
  absl::Time time;
  std::string actor;   // "policy iothubowner @ 192.0.2.1", "device d1", "uid 0"
  std::string action;  // "device.create"
  std::string target;
  std::string outcome = "ok";  // ok, refused
  std::string code;
  std::string request_id;
  std::string detail = "{}";  // JSON, without secrets
};

// Adds the line in the caller's transaction: what it records and the record stand or fall together.
absl::Status Append(store::Session& session, const Line& line);

// Recomputes the chain; kDataLoss names the first line that does not fit.
absl::Status Verify(store::Session& session);

}  // namespace aziot::provisiond::audit
