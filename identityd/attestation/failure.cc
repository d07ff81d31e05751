#include "identityd/attestation/failure.h"

#include <utility>

#include "absl/strings/ascii.h"
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

std::string Quotable(std::string json_text) {
  constexpr size_t kOrdinary = 4096;
  return json_text.size() <= kOrdinary ? std::move(json_text) : Excerpt(json_text);
}

std::string Excerpt(absl::string_view bytes) {
  std::string text(bytes.substr(0, 512));
  for (char& c : text) {
    if (absl::ascii_isspace(static_cast<unsigned char>(c))) c = ' ';
    if (!absl::ascii_isprint(static_cast<unsigned char>(c))) c = '?';
  }
  return text;
}

}  // namespace aziot::identityd
