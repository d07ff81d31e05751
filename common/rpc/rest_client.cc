#include "common/rpc/rest_client.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "common/http/target.h"
#include "common/rpc/transcode.h"

namespace aziot::rpc {

http::Request NewRestRequest(const RestRule& rule, const google::protobuf::Message& message,
                             absl::string_view api_version) {
  const auto& reflection = *message.GetReflection();
  std::string scratch;
  http::Request request{.method = rule.verb};
  for (const PathSegment& segment : rule.path) {
    absl::StrAppend(&request.target, "/",
                    segment.field == nullptr ? segment.literal
                                             : http::PercentEncode(reflection.GetStringReference(
                                                   message, segment.field, &scratch)));
  }
  absl::StrAppend(&request.target, "?api-version=", http::PercentEncode(api_version));
  for (const auto* field : rule.query) {
    if (!reflection.HasField(message, field)) continue;
    absl::StrAppend(&request.target, "&", field->json_name(), "=",
                    http::PercentEncode(reflection.GetStringReference(message, field, &scratch)));
  }
  // A PUT without a body is no valid request, whatever its rule makes of one.
  const bool wants_body = rule.body == api::v1::BODY_REQUIRED || rule.body == api::v1::BODY_OPTIONAL;
  if (wants_body || (rule.body == api::v1::BODY_ANY && rule.verb != "DELETE") || rule.verb == "PUT") {
    request.headers.Add("content-type", "application/json");
    request.body = WriteJson(message, rule.given);
  }
  return request;
}

absl::Status ReadRestReply(const RestRule& rule, const http::Response& response,
                           google::protobuf::Message& reply) {
  if (rule.success == 204) return absl::OkStatus();
  const absl::Status read = ReadJson(response.body, {}, reply);
  if (read.ok()) return read;
  return absl::InternalError(
      absl::StrCat("the answer to ", rule.method->name(), " does not fit: ", read.message()));
}

std::string RestErrorText(const http::Response& response) {
  const auto body = nlohmann::json::parse(response.body, nullptr, false);
  if (body.is_object()) {
    const auto message = body.find("message");
    if (message != body.end() && message->is_string()) return message->get<std::string>();
  }
  return absl::StrCat("HTTP ", response.status, " ", http::ReasonPhrase(response.status));
}

}  // namespace aziot::rpc
