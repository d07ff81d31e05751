#include "identityd/modules/hub_client.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/https/answer_headers.h"
#include "common/log/log.h"
#include "common/status/status_macros.h"
#include "identityd/attestation/failure.h"
#include "identityd/attestation/url_encoding.h"

namespace aziot::identityd {
namespace {

std::string Quoted(absl::string_view text) {
  return nlohmann::json(std::string(text)).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Reason ReasonFor(int http_status, const HubError& error) {
  if (error.network || http_status >= 500) return Reason::kNetwork;
  if (error.code == "ModuleNotFound") return Reason::kModuleGone;
  if (error.code == "DeviceNotFound") return Reason::kDeviceGone;
  switch (http_status) {
    case 401:
      return Reason::kUnauthorized;
    case 409:
      return Reason::kModuleExists;
    case 412:
      return Reason::kChanged;
    case 429:
      return Reason::kThrottled;
    default:
      return Reason::kOther;
  }
}

absl::Status NotOurs(absl::string_view cause) {
  return Blame(Party::kHub, Reason::kOther, absl::UnknownError(cause));
}

absl::StatusOr<Module> ReadModule(const absl::StatusOr<http::Response>& response,
                                  const DeviceIdentity& device, absl::string_view asked) {
  RETURN_IF_ERROR(response.status());
  absl::StatusOr<Module> module = ParseModule(response->body);
  if (!module.ok()) return NotOurs(module.status().message());
  if (!absl::EqualsIgnoreCase(module->module_id, asked)) {
    return NotOurs(absl::StrCat("the answer is about module \"", Excerpt(module->module_id), "\""));
  }
  if (!absl::EqualsIgnoreCase(module->device_id, device.device_id)) {
    return NotOurs(absl::StrCat("the answer is about device \"", Excerpt(module->device_id), "\""));
  }
  return module;
}

}  // namespace

void HubClient::UseApiVersion(absl::string_view version) {
  std::lock_guard lock(mutex_);
  api_version_ = std::string(version);
}

absl::Status HubClient::Refused(const http::Response& response) const {
  HubError error = ParseHubError(response.status, response.body);
  if (error.code.empty()) error.code = std::string(response.headers.Get("iothub-errorcode"));
  if (response.status == 401) {
    if (const std::string hint = https::ClockHint(response, clock_.Now()); !hint.empty())
      absl::StrAppend(&error.text, "; ", hint);
  }
  if (!error.tracking.empty()) log::Info("The hub answered {}: {}", response.status, error.tracking);
  return https::WithRetryAfter(
      Blame(Party::kHub, ReasonFor(response.status, error), absl::UnknownError(error.text)),
      https::RetryAfter(response, clock_.Now()));
}

absl::StatusOr<http::Response> HubClient::Ask(const DeviceIdentity& device, const Exchange& exchange) {
  std::string url = absl::StrCat("https://", device.gateway_host, "/devices/",
                                 EncodeSegment(device.device_id), "/modules", exchange.path, "?api-version=");
  {
    std::lock_guard lock(mutex_);
    url += api_version_;
  }
  const std::string resource = absl::StrCat(device.hub_name, "/devices/", device.device_id);
  https::Call call;
  call.make = [&](absl::Duration at_least) -> absl::StatusOr<http::Request> {
    const absl::Duration validity = std::max(absl::Seconds(300), at_least);
    ASSIGN_OR_RETURN(const std::string authorization,
                     attestation_.Authorization(device.credential, resource, "", validity));
    http::Request request;
    request.method = exchange.method;
    request.target = url;
    request.body = std::string(exchange.body);
    if (!authorization.empty()) request.headers.Add("Authorization", authorization);
    if (!exchange.body.empty()) request.headers.Add("Content-Type", "application/json");
    if (!exchange.if_match.empty()) request.headers.Add("If-Match", exchange.if_match);
    return request;
  };
  absl::StatusOr<http::Response> response = send_(std::move(call));
  if (!response.ok()) {
    const absl::Status& status = response.status();
    const bool network =
        ReasonOf(status) == Reason::kNetwork || https::FailureKindOf(status) == https::FailureKind::kNetwork;
    const bool throttled = absl::IsResourceExhausted(status);
    return Blame(Party::kHub,
                 network     ? Reason::kNetwork
                 : throttled ? Reason::kThrottled
                             : Reason::kOther,
                 status);
  }
  if (exchange.method == "DELETE") return response;
  if (response->status != 200) {
    if (response->status >= 400) return Refused(*response);
    return NotOurs(absl::StrCat("Expected one of [200], got ", response->status, " ",
                                http::ReasonPhrase(response->status)));
  }
  const std::string type = absl::AsciiStrToLower(response->headers.Get("content-type"));
  if (!type.empty() && !absl::StrContains(type, "application/json")) {
    return NotOurs("invalid Content-Type; expected JSON");
  }
  return response;
}

absl::StatusOr<std::vector<Module>> HubClient::List(const DeviceIdentity& device) {
  ASSIGN_OR_RETURN(const http::Response response,
                   Ask(device, {.method = "GET", .path = "", .if_match = "", .body = ""}));
  absl::StatusOr<std::vector<Module>> modules = ParseModules(response.body);
  if (!modules.ok()) return NotOurs(modules.status().message());
  // A list of another device's modules would be taken for the whole truth about ours.
  for (const Module& module : *modules) {
    if (!absl::EqualsIgnoreCase(module.device_id, device.device_id)) {
      return NotOurs(absl::StrCat("the list names device \"", Excerpt(module.device_id), "\""));
    }
  }
  return modules;
}

absl::StatusOr<Module> HubClient::Get(const DeviceIdentity& device, absl::string_view module_id) {
  return ReadModule(
      Ask(device,
          {.method = "GET", .path = absl::StrCat("/", EncodeSegment(module_id)), .if_match = "", .body = ""}),
      device, module_id);
}

absl::StatusOr<Module> HubClient::Create(const DeviceIdentity& device, absl::string_view module_id) {
  const std::string body =
      absl::StrCat("{\"moduleId\":", Quoted(module_id), ",\"deviceId\":", Quoted(device.device_id), "}");
  return ReadModule(Ask(device, {.method = "PUT",
                                 .path = absl::StrCat("/", EncodeSegment(module_id)),
                                 .if_match = "",
                                 .body = body}),
                    device, module_id);
}

absl::StatusOr<Module> HubClient::Update(const DeviceIdentity& device, const Module& module,
                                         const ModuleKeyPair& keys) {
  std::string text = absl::StrCat("{\"moduleId\":", Quoted(module.module_id));
  if (module.managed_by) absl::StrAppend(&text, ",\"managedBy\":", Quoted(*module.managed_by));
  absl::StrAppend(&text, ",\"deviceId\":", Quoted(module.device_id),
                  ",\"authentication\":{\"symmetricKey\":{\"primaryKey\":\"", keys.primary.ExposeText(),
                  "\",\"secondaryKey\":\"", keys.secondary.ExposeText(), "\"},\"type\":\"sas\"}}");
  const Secret body = Secret::Take(std::move(text));
  const absl::string_view etag = absl::StripSuffix(absl::StripPrefix(module.etag, "\""), "\"");
  const std::string if_match = etag.empty() ? "*" : absl::StrCat("\"", etag, "\"");
  return ReadModule(Ask(device, {.method = "PUT",
                                 .path = absl::StrCat("/", EncodeSegment(module.module_id)),
                                 .if_match = if_match,
                                 .body = body.ExposeText()}),
                    device, module.module_id);
}

absl::Status HubClient::Delete(const DeviceIdentity& device, absl::string_view module_id) {
  ASSIGN_OR_RETURN(const http::Response response,
                   Ask(device, {.method = "DELETE",
                                .path = absl::StrCat("/", EncodeSegment(module_id)),
                                .if_match = "*",
                                .body = ""}));
  if (response.status == 204) return absl::OkStatus();
  const absl::Status refused = Refused(response);
  return https::WithRetryAfter(
      Blame(Party::kHub, ReasonOf(refused),
            absl::UnknownError(absl::StrCat("unexpected HTTP status code: ", response.status, " ",
                                            http::ReasonPhrase(response.status)))),
      https::RetryAfter(response, clock_.Now()));
}

}  // namespace aziot::identityd
