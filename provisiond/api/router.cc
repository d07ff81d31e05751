#include "provisiond/api/router.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/status/status_macros.h"
#include "provisiond/api/dps/dps_error.h"
#include "provisiond/api/hub/hub_error.h"
#include "provisiond/lifecycle/fault.h"

namespace aziot::provisiond::api {
namespace {

// Families of the plan that are not there yet.
constexpr absl::string_view kLater[] = {"drs",      "jobs", "things", "bulkthings", "templates", "cas",
                                        "policies", "api",  "ui",     "auth",       "events",    "$iothub"};

absl::Status FailureOf(int status) {
  switch (status) {
    case 408:
      return Refuse(Fault::kInvalid, "The request did not come in time.");
    case 413:
      return Refuse(Fault::kTooLarge, "The body is too large.");
    case 431:
      return Refuse(Fault::kInvalid, "The header block is too large.");
    case 503:
      return absl::UnavailableError("no worker is free");
    default:
      return status >= 500 ? absl::InternalError("the handler failed")
                           : Refuse(Fault::kInvalid, "malformed request");
  }
}

void LogFailure(const Call& call, const http::Response& response, const absl::Status& status) {
  if (response.status >= 500) {
    log::Error("{} {} from {} ({}): {}", call.method, call.target.path, call.peer, call.request_id, status);
  } else {
    log::Debug("provisiond.api", "{} {} from {} ({}): {} {}", call.method, call.target.path, call.peer,
               call.request_id, response.status, status);
  }
}

Family FamilyOf(const Call& call) {
  if (dps::DeviceApi::Owns(call)) return Family::kDpsDevice;
  if (dps::ServiceApi::Owns(call)) return Family::kDpsService;
  if (hub::HubApi::Owns(call)) return Family::kHub;
  return Family::kOther;
}

}  // namespace

absl::StatusOr<http::Response> Router::Answer(const Call& call, Family family) {
  RETURN_IF_ERROR(call.path_status);
  // The name of the handshake chose a certificate, the one of the request chooses a hub: two hubs in one
  // request are a mistake, or a way around whoever looks at the handshake only.
  if (!call.server_name.empty() && !call.host.empty() && call.server_name != call.host &&
      hubs_.ByRequestHost(call.server_name) != hubs_.ByRequestHost(call.host)) {
    return Refuse(Fault::kMisdirected, "The Host is not the one the connection was made to.");
  }
  switch (family) {
    case Family::kDpsDevice:
      return dps_devices_.Handle(call);
    case Family::kDpsService:
      return dps_service_.Handle(call);
    case Family::kHub:
      return hub_.Handle(call);
    case Family::kOther:
      break;
  }
  if (std::find(std::begin(kLater), std::end(kLater), call.Word(0)) != std::end(kLater)) {
    return Refuse(Fault::kNotSupported, absl::StrCat("/", call.Word(0), " is not supported yet"));
  }
  return Refuse(Fault::kNoRoute, "No such resource.");
}

http::Response Router::Handle(const http::Request& request, absl::string_view peer_address,
                              absl::string_view server_name) {
  const absl::Duration begin = clock_.Steady();
  const Call call = ParseCall(request, peer_address, server_name);
  const Family family = FamilyOf(call);
  absl::StatusOr<http::Response> answer = Answer(call, family);
  http::Response response;
  if (answer.ok()) {
    response = *std::move(answer);
  } else {
    response = family == Family::kDpsDevice || family == Family::kDpsService
                   ? dps::ErrorResponse(answer.status(), call.request_id, clock_)
                   : hub::ErrorResponse(answer.status(), call.request_id, clock_);
    LogFailure(call, response, answer.status());
  }
  response.headers.Set("x-ms-request-id", call.request_id);
  counts_.Add(family, call.host, response.status, clock_.Steady() - begin);
  return response;
}

void Router::CompleteRefusal(http::Response& response) const {
  const int status = response.status;
  const std::string id = NewRequestId();
  response = hub::ErrorResponse(FailureOf(status), id, clock_);
  response.status = status;
  response.headers.Set("x-ms-request-id", id);
}

}  // namespace aziot::provisiond::api
