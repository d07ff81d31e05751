#include "provisiond/api/hub/telemetry_json.h"

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "common/bytes/base64.h"
#include "common/ids/utf8.h"
#include "common/status/status_macros.h"
#include "provisiond/lifecycle/fault.h"
#include "provisiond/lifecycle/json.h"

namespace aziot::provisiond::api::hub {
namespace {

constexpr absl::string_view kBatch = "application/vnd.microsoft.iothub.json";
// Before the names of the application's own properties, which travel as header fields.
constexpr absl::string_view kPrefix = "iothub-app-";

std::string PropertiesOf(const Call& call) {
  Json properties = Json::object();
  for (const auto& [name, value] : call.headers) {
    if (absl::StartsWithIgnoreCase(name, kPrefix) && IsUtf8(name) && IsUtf8(value)) {
      properties[name.substr(kPrefix.size())] = value;
    }
  }
  return properties.dump();
}

absl::StatusOr<Telemetry::Sent> ReadOne(const Json& item) {
  if (!item.is_object()) return Refuse(Fault::kInvalid, "a message of the batch must be a JSON object");
  ASSIGN_OR_RETURN(const auto text, TextMember(item, "body"));
  ASSIGN_OR_RETURN(const auto encoded, BoolMember(item, "base64Encoded"));
  ASSIGN_OR_RETURN(const Json* sent, ObjectMember(item, "properties"));
  Telemetry::Sent message;
  if (encoded.value_or(true)) {
    absl::StatusOr<Bytes> body = ParseBase64(text.value_or(""));
    if (!body.ok()) return Refuse(Fault::kInvalid, "member 'body' must be base64");
    message.body = *std::move(body);
  } else {
    message.body = ToBytes(text.value_or(""));
  }
  Json properties = Json::object();
  if (sent != nullptr) {
    for (const auto& [name, value] : sent->items()) {
      absl::string_view plain = name;
      if (absl::StartsWithIgnoreCase(plain, kPrefix)) plain.remove_prefix(kPrefix.size());
      properties[std::string(plain)] = value;
    }
  }
  message.properties = properties.dump();
  return message;
}

}  // namespace

absl::StatusOr<std::vector<Telemetry::Sent>> MessagesOf(const Call& call) {
  std::vector<Telemetry::Sent> messages;
  if (!absl::StartsWithIgnoreCase(call.headers.Get("Content-Type"), kBatch)) {
    messages.push_back({ToBytes(call.body), PropertiesOf(call)});
    return messages;
  }
  ASSIGN_OR_RETURN(const Json batch, ParseJson(call.body));
  if (!batch.is_array() || batch.empty()) {
    return Refuse(Fault::kInvalid, "a batch is a JSON array of messages");
  }
  for (const Json& item : batch) {
    ASSIGN_OR_RETURN(Telemetry::Sent message, ReadOne(item));
    messages.push_back(std::move(message));
  }
  return messages;
}

}  // namespace aziot::provisiond::api::hub
