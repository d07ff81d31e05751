#include "identityd/provisioning/dps/dps_answer.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/log/log.h"
#include "identityd/attestation/failure.h"
#include "identityd/attestation/json_depth.h"

namespace aziot::identityd {
namespace {

using nlohmann::json;

// It stays in memory and in every answer about the status.
constexpr size_t kLargestPayload = size_t{128} << 10;

json Parse(absl::string_view text) {
  if (!IsShallowJson(text)) return json(json::value_t::discarded);
  return json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
}

std::string TextOf(const json& object, const char* name) {
  if (!object.is_object()) return "";
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

const json& MemberOf(const json& object, const char* name) {
  static const json kNothing;
  if (!object.is_object()) return kNothing;
  const auto found = object.find(name);
  return found != object.end() ? *found : kNothing;
}

// `host[:port]`, as it goes into URLs.
bool IsHost(absl::string_view text) {
  for (const char c : text) {
    const bool usual = absl::ascii_isalnum(static_cast<unsigned char>(c));
    if (!usual && !absl::StrContains(".-_:[]", c)) return false;
  }
  return text.size() <= 300;
}

std::string CodeOf(const json& object) {
  for (const char* name : {"errorCode", "code"}) {
    const json& code = MemberOf(object, name);
    if (code.is_number_integer()) return std::to_string(code.get<int64_t>());
    if (code.is_string()) return code.get<std::string>();
  }
  return "";
}

std::string MessageOf(const json& object) {
  for (const char* name : {"errorMessage", "message"}) {
    std::string text = TextOf(object, name);
    if (!text.empty()) return Quotable(std::move(text));
  }
  return "";
}

std::string TrustBundleOf(const json& state) {
  std::string pem;
  const json& certificates = MemberOf(MemberOf(state, "trustBundle"), "certificates");
  if (!certificates.is_array()) return pem;
  for (const json& entry : certificates) {
    const std::string one = TextOf(entry, "certificate");
    if (one.empty()) continue;
    absl::StrAppend(&pem, absl::StripSuffix(one, "\n"), "\n");
  }
  return pem;
}

}  // namespace

absl::StatusOr<DpsAnswer> ParseDpsAnswer(absl::string_view body) {
  const json document = Parse(body);
  if (!document.is_object()) return absl::InvalidArgumentError("the answer is no JSON object");
  const json& state = MemberOf(document, "registrationState");

  DpsAnswer answer;
  answer.operation_id = TextOf(document, "operationId");
  std::string status = TextOf(document, "status");
  if (status.empty()) status = TextOf(state, "status");
  if (status == "assigned") {
    answer.state = DpsAnswer::State::kAssigned;
    answer.assigned_hub = TextOf(state, "assignedHub");
    answer.device_id = TextOf(state, "deviceId");
    answer.substatus = TextOf(state, "substatus");
    answer.trust_bundle = TrustBundleOf(state);
    if (const json& payload = MemberOf(state, "payload"); !payload.is_null()) answer.payload = payload.dump();
    if (answer.payload.size() > kLargestPayload) {
      log::Warn("The payload that DPS sent has {} bytes and is not kept", answer.payload.size());
      answer.payload.clear();
    }
    if (answer.assigned_hub.empty() || answer.device_id.empty()) {
      return absl::InvalidArgumentError("the answer says assigned, but not to which hub and device");
    }
    if (!IsHost(answer.assigned_hub)) {
      return absl::InvalidArgumentError("the answer assigns a hub that is no host name");
    }
  } else if (status == "failed") {
    answer.state = DpsAnswer::State::kFailed;
    const std::string message = MessageOf(state);
    const std::string code = CodeOf(state);
    answer.error = message.empty() ? "the registration failed" : message;
    if (!code.empty()) absl::StrAppend(&answer.error, " (error ", code, ")");
  } else if (status == "disabled") {
    answer.state = DpsAnswer::State::kDisabled;
    answer.error = "enrollment is disabled";
  }
  return answer;
}

DpsError ParseDpsError(int http_status, absl::string_view body) {
  const json document = Parse(body);
  DpsError error;
  error.tracking_id = TextOf(document, "trackingId");
  const std::string message = MessageOf(document);
  const std::string code = CodeOf(document);
  error.text = absl::StrCat("HTTP ", http_status);
  if (!message.empty()) {
    absl::StrAppend(&error.text, " ", message);
    if (!code.empty()) absl::StrAppend(&error.text, " (error ", code, ")");
  } else if (!body.empty()) {
    absl::StrAppend(&error.text, " ", Excerpt(body));
  }
  return error;
}

}  // namespace aziot::identityd
