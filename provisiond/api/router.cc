#include "provisiond/api/router.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "provisiond/api/dps/dps_error.h"
#include "provisiond/api/hub/hub_error.h"
#include "provisiond/lifecycle/fault.h"

namespace aziot::provisiond::api {
namespace {

// Families of the plan that are not there yet.
constexpr absl::string_view kLater[] = {"drs",      "jobs", "things", "bulkthings", "templates", "cas",
                                        "policies", "api",  "ui",     "auth",       "events",    "$iothub"};

void LogFailure(const Call& call, const http::Response& response, const absl::Status& status) {
  if (response.status >= 500) {
    log::Error("{} {} from {} ({}): {}", call.method, call.target.path, call.peer, call.request_id, status);
  } else {
    log::Debug("provisiond.api", "{} {} from {} ({}): {} {}", call.method, call.target.path, call.peer,
               call.request_id, response.status, status);
  }
}

}  // namespace

http::Response Router::Handle(const http::Request& request, absl::string_view peer_address) {
  const Call call = ParseCall(request, peer_address);
  absl::StatusOr<http::Response> answer;
  const bool dps_device = dps::DeviceApi::Owns(call);
  const bool dps_service = dps::ServiceApi::Owns(call);
  if (!call.path_status.ok()) {
    answer = call.path_status;
  } else if (dps_device) {
    answer = dps_devices_.Handle(call);
  } else if (dps_service) {
    answer = dps_service_.Handle(call);
  } else if (hub::HubApi::Owns(call)) {
    answer = hub_.Handle(call);
  } else if (std::find(std::begin(kLater), std::end(kLater), call.Word(0)) != std::end(kLater)) {
    answer = Refuse(Fault::kNotSupported, absl::StrCat("/", call.Word(0), " is not supported yet"));
  } else {
    answer = Refuse(Fault::kNoRoute, "No such resource.");
  }
  http::Response response;
  if (answer.ok()) {
    response = *std::move(answer);
  } else {
    response = dps_device || dps_service ? dps::ErrorResponse(answer.status(), call.request_id, clock_)
                                         : hub::ErrorResponse(answer.status(), call.request_id, clock_);
    LogFailure(call, response, answer.status());
  }
  response.headers.Set("x-ms-request-id", call.request_id);
  return response;
}

}  // namespace aziot::provisiond::api
