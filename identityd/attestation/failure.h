// Which party failed us, and what that means for the device: carried inside a status, so that the state
// machine and the service can tell a hub that is away from a module that was deleted.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace aziot::identityd {

enum class Party { kOurselves, kDps, kHub, kKeys };

enum class Reason {
  kOther,
  kNetwork,  // not reached: what was known stays true
  kModuleGone,
  kDeviceGone,
  kModuleExists,
  kChanged,  // etag mismatch
  kUnauthorized,
  kThrottled,  // asked again later, it may answer
};

// `status` marked with party and reason; its code and text stay. OK stays OK.
absl::Status Blame(Party party, Reason reason, absl::Status status);

// kOurselves and kOther for a status that nobody marked.
Party PartyOf(const absl::Status& status);
Reason ReasonOf(const absl::Status& status);

// The start of an answer that may hold anything, as printable ASCII: fit for a message.
std::string Excerpt(absl::string_view bytes);
// The same for text out of a JSON document, which stays as it is unless it is very long.
std::string Quotable(std::string json_text);

}  // namespace aziot::identityd
