#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"
#include "provisiond/api/family.h"
#include "provisiond/api/hub/hub_api.h"
#include "provisiond/api/hub/identity_json.h"
#include "provisiond/lifecycle/fault.h"

namespace aziot::provisiond::api::hub {
namespace {

constexpr absl::string_view kDevices = "devices";
constexpr absl::string_view kModules = "devices.modules";
constexpr int64_t kAtOnce = 1000;
// A condition that few match must not hold a worker for as long as the hub is large: the page ends, and the
// caller goes on from there.
constexpr int64_t kMostLookedAt = 20000;

}  // namespace

absl::StatusOr<Json> HubApi::DocumentOf(const store::Device& device, const store::Module* module) {
  ASSIGN_OR_RETURN(const store::Twin twin, twins_.Get(module == nullptr ? device.id : module->id));
  return FormatTwin(device, module, twin);
}

absl::StatusOr<int64_t> HubApi::CountMatches(const Query& query, const store::Hub& hub) {
  if (!query.has_condition()) {
    ASSIGN_OR_RETURN(const store::DeviceCount count, registry_.CountDevices(hub.id));
    return count.total;
  }
  int64_t count = 0;
  std::string after;
  for (;;) {
    ASSIGN_OR_RETURN(const auto devices, registry_.ListDevices(hub.id, after, kAtOnce));
    for (const store::Device& device : devices) {
      ASSIGN_OR_RETURN(const Json document, DocumentOf(device, nullptr));
      if (query.Matches(document)) ++count;
    }
    if (static_cast<int64_t>(devices.size()) < kAtOnce) return count;
    after = devices.back().device_id;
  }
}

absl::Status HubApi::AddMatches(const Query& query, const store::Device& device, Json& list) {
  const auto add = [&](const store::Module* module) -> absl::Status {
    ASSIGN_OR_RETURN(Json document, DocumentOf(device, module));
    if (query.Matches(document)) list.push_back(std::move(document));
    return absl::OkStatus();
  };
  if (query.source() == kDevices) return add(nullptr);
  ASSIGN_OR_RETURN(const std::vector<store::Module> modules, registry_.ListModules(device));
  for (const store::Module& module : modules) RETURN_IF_ERROR(add(&module));
  return absl::OkStatus();
}

absl::StatusOr<http::Response> HubApi::RunQuery(const Call& call, const store::Hub& hub) {
  RETURN_IF_ERROR(access_.Service(call, hub, "RegistryRead").status());
  RETURN_IF_ERROR(CheckBody(call, kLargestJson));
  ASSIGN_OR_RETURN(const Json body, ParseObject(call.body));
  ASSIGN_OR_RETURN(const auto text, TextMember(body, "query"));
  ASSIGN_OR_RETURN(const Query query, Query::Parse(text.value_or("")));
  if (query.source() != kDevices && (query.source() != kModules || query.counts())) {
    return Refuse(Fault::kInvalid, "the query asks for a list that is not here");
  }
  ASSIGN_OR_RETURN(const int64_t size, PageSize(call.headers.Find("x-ms-max-item-count")));
  ASSIGN_OR_RETURN(std::string after, ContinuationOf(call));

  Json list = Json::array();
  if (query.counts()) {
    ASSIGN_OR_RETURN(const int64_t count, CountMatches(query, hub));
    list.push_back({{query.count_name(), count}});
    http::Response response = JsonResponse(200, list);
    AddPaging(response, "", 1, "raw");
    return response;
  }
  const int64_t chunk = query.has_condition() ? kAtOnce : size;
  bool more = true;
  // Whole devices until the page is full: it may be passed by one device's modules.
  for (int64_t looked_at = 0; more && looked_at < kMostLookedAt && list.size() < static_cast<size_t>(size);) {
    ASSIGN_OR_RETURN(const auto devices, registry_.ListDevices(hub.id, after, chunk));
    size_t done = 0;
    for (; done < devices.size() && list.size() < static_cast<size_t>(size); ++done) {
      RETURN_IF_ERROR(AddMatches(query, devices[done], list));
    }
    if (done > 0) after = devices[done - 1].device_id;
    more = done < devices.size() || static_cast<int64_t>(devices.size()) == chunk;
    looked_at += static_cast<int64_t>(devices.size());
  }
  http::Response response = JsonResponse(200, list);
  AddPaging(response, more ? after : "", list.size(), "twin");
  return response;
}

}  // namespace aziot::provisiond::api::hub
