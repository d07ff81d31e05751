#include "identityd/attestation/failure.h"

#include <string>
#include <utility>

#include "absl/strings/cord.h"

namespace aziot::identityd {
namespace {

constexpr char kUrl[] = "aziot.identityd/failure";

std::string MarkOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kUrl);
  return payload ? std::string(*payload) : std::string(2, '\0');
}

}  // namespace

absl::Status Blame(Party party, Reason reason, absl::Status status) {
  if (!status.ok()) {
    status.SetPayload(kUrl, absl::Cord(std::string{static_cast<char>(party), static_cast<char>(reason)}));
  }
  return status;
}

Party PartyOf(const absl::Status& status) { return static_cast<Party>(MarkOf(status)[0]); }
Reason ReasonOf(const absl::Status& status) { return static_cast<Reason>(MarkOf(status)[1]); }

}  // namespace aziot::identityd
