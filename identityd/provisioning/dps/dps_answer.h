// What the device provisioning service answers, read leniently: unknown members and words are no reason to
// fail.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace aziot::identityd {

struct DpsAnswer {
  enum class State { kAssigning, kAssigned, kFailed, kDisabled };
  State state = State::kAssigning;
  std::string operation_id;
  std::string assigned_hub, device_id, substatus;  // when assigned
  std::string trust_bundle;                        // PEM, or ""
  std::string payload;                             // compact JSON that came with the assignment, or ""
  std::string error;                               // when failed
};

// Body of a 200 or 202. kInvalidArgument when it is no JSON object, or assigned without a hub's host name or
// a device id.
absl::StatusOr<DpsAnswer> ParseDpsAnswer(absl::string_view body);

struct DpsError {
  std::string text;         // for people; `HTTP <status> <start of the body>` when the body says nothing
  std::string tracking_id;  // or ""
};
DpsError ParseDpsError(int http_status, absl::string_view body);

}  // namespace aziot::identityd
