#include "provisiond/api/hub/hub_api.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/civil_time.h"
#include "common/status/status_macros.h"
#include "provisiond/api/family.h"
#include "provisiond/api/hub/identity_json.h"
#include "provisiond/api/hub/telemetry_json.h"
#include "provisiond/lifecycle/fault.h"
#include "provisiond/lifecycle/names.h"

namespace aziot::provisiond::api::hub {
namespace {

constexpr size_t kLargestMessage = 256 * 1024;

absl::Status WrongMethod() { return Refuse(Fault::kMethodNotAllowed, "The method is not allowed here."); }
absl::Status NoRoute() { return Refuse(Fault::kNoRoute, "No such resource."); }

// YYYY-MM-DD, or that with -preview, from the first published one on.
bool IsApiVersion(absl::string_view version) {
  absl::ConsumeSuffix(&version, "-preview");
  if (version.size() != 10 || version < "2016-02-03") return false;
  for (size_t i = 0; i < version.size(); ++i) {
    const bool dash = i == 4 || i == 7;
    if (dash ? version[i] != '-' : !absl::ascii_isdigit(static_cast<unsigned char>(version[i]))) return false;
  }
  absl::CivilDay day;
  return absl::ParseCivilTime(version, &day);
}

// Ids of the path, at 1 and 3: whoever calls, what is no id ends here, before it is counted or logged.
absl::Status CheckIds(const Call& call) {
  for (const size_t at : {1, 3}) {
    if (at >= call.path.size() || (at == 3 && call.Word(2) != "modules")) break;
    if (!IsDeviceId(call.path[at])) return Refuse(Fault::kInvalid, "Invalid device or module id.");
  }
  return absl::OkStatus();
}

}  // namespace

bool HubApi::Owns(const Call& call) {
  const std::string family = call.Word(0);
  return family == "devices" || family == "twins" || family == "statistics";
}

absl::StatusOr<http::Response> HubApi::Handle(const Call& call) {
  const std::string version = call.ApiVersion();
  if (!IsApiVersion(version)) {
    return Refuse(Fault::kInvalid,
                  version.empty() ? "The api-version is missing." : "The api-version is malformed.");
  }
  const store::Hub* hub = hubs_.ByRequestHost(call.host);
  // As for devices: which hubs exist is not told to who proves nothing.
  if (hub == nullptr) return Refuse(Fault::kUnauthorized, "unknown hub");
  RETURN_IF_ERROR(CheckIds(call));
  if (call.Word(0) == "twins") return Twin(call, *hub);
  if (call.Word(0) == "statistics") return Statistics(call, *hub);
  return Devices(call, *hub);
}

absl::StatusOr<http::Response> HubApi::Devices(const Call& call, const store::Hub& hub) {
  const size_t depth = call.path.size();
  if (depth == 1 && call.method == "POST") return Bulk(call, hub);
  if (depth == 1) {
    if (call.method != "GET") return WrongMethod();
    ASSIGN_OR_RETURN(const Actor actor, access_.Service(call, hub, "RegistryRead"));
    ASSIGN_OR_RETURN(const int64_t top, PageSize(call.target.First("top")));
    ASSIGN_OR_RETURN(const std::vector<store::Device> devices, registry_.ListDevices(hub.id, "", top));
    Json list = Json::array();
    for (const store::Device& device : devices) {
      ASSIGN_OR_RETURN(Json json, FormatDevice(registry_, device));
      list.push_back(std::move(json));
    }
    if (!devices.empty()) {
      const Json detail = {{"count", devices.size()},
                           {"first", devices.front().device_id},
                           {"last", devices.back().device_id}};
      RETURN_IF_ERROR(registry_.RecordRelease("device.list-keys", hub.host_name, actor, detail.dump()));
    }
    return JsonResponse(200, list);
  }
  const std::string& id = call.path[1];
  if (depth == 2 && call.method == "POST" && call.Word(1) == "query") return RunQuery(call, hub);
  if (depth == 2) return Device(call, hub, id);
  if (call.Word(2) == "modules") {
    if (depth == 3) return ModulesOf(call, hub, id);
    if (depth == 4) return Module(call, hub, id, call.path[3]);
    if (depth == 6 && call.Word(4) == "messages" && call.Word(5) == "events")
      return Send(call, hub, id, call.path[3]);
  }
  if (depth == 4 && call.Word(2) == "messages" && call.Word(3) == "events")
    return Send(call, hub, id, std::nullopt);
  return NoRoute();
}

absl::StatusOr<http::Response> HubApi::Device(const Call& call, const store::Hub& hub,
                                              const std::string& id) {
  if (call.method == "GET") {
    ASSIGN_OR_RETURN(const Actor actor, access_.Service(call, hub, "RegistryRead"));
    ASSIGN_OR_RETURN(const store::Device device, registry_.GetDevice(hub.id, id));
    ASSIGN_OR_RETURN(const Json json, FormatDevice(registry_, device));
    if (device.auth_type == "sas") RETURN_IF_ERROR(registry_.RecordRelease("device.show-keys", id, actor));
    return JsonResponse(200, json);
  }
  if (call.method == "PUT") {
    ASSIGN_OR_RETURN(const Actor actor, access_.Service(call, hub, "RegistryWrite"));
    RETURN_IF_ERROR(CheckBody(call, kLargestJson));
    ASSIGN_OR_RETURN(const Json body, ParseObject(call.body));
    ASSIGN_OR_RETURN(DeviceWish wish, ParseDevice(id, body));
    const std::optional<std::string> if_match = call.IfMatch();
    ASSIGN_OR_RETURN(const store::Device device,
                     if_match ? registry_.UpdateDevice(hub.id, std::move(wish), if_match, actor)
                              : registry_.CreateDevice(hub.id, std::move(wish), actor));
    ASSIGN_OR_RETURN(const Json json, FormatDevice(registry_, device));
    return JsonResponse(200, json);
  }
  if (call.method == "DELETE") {
    ASSIGN_OR_RETURN(const Actor actor, access_.Service(call, hub, "RegistryWrite"));
    RETURN_IF_ERROR(registry_.DeleteDevice(hub.id, id, call.IfMatch(), actor));
    return NoContent();
  }
  return WrongMethod();
}

absl::StatusOr<http::Response> HubApi::ModulesOf(const Call& call, const store::Hub& hub,
                                                 const std::string& id) {
  if (call.method != "GET") return WrongMethod();
  ASSIGN_OR_RETURN(const Actor actor, access_.DeviceOrService(call, hub, id, "RegistryRead"));
  ASSIGN_OR_RETURN(const store::Device device, registry_.GetDevice(hub.id, id));
  ASSIGN_OR_RETURN(const std::vector<store::Module> modules, registry_.ListModules(device));
  Json list = Json::array();
  for (const store::Module& module : modules) {
    ASSIGN_OR_RETURN(Json json, FormatModule(registry_, id, module));
    list.push_back(std::move(json));
  }
  if (!modules.empty()) {
    RETURN_IF_ERROR(
        registry_.RecordRelease("module.list-keys", id, actor, Json{{"count", modules.size()}}.dump()));
  }
  return JsonResponse(200, list);
}

absl::StatusOr<http::Response> HubApi::Module(const Call& call, const store::Hub& hub,
                                              const std::string& device_id, const std::string& id) {
  const bool reads = call.method == "GET";
  if (!reads && call.method != "PUT" && call.method != "DELETE") return WrongMethod();
  ASSIGN_OR_RETURN(const Actor actor,
                   access_.DeviceOrService(call, hub, device_id, reads ? "RegistryRead" : "RegistryWrite"));
  ASSIGN_OR_RETURN(const store::Device device, registry_.GetDevice(hub.id, device_id));
  if (reads) {
    ASSIGN_OR_RETURN(const store::Module module, registry_.GetModule(device, id));
    ASSIGN_OR_RETURN(const Json json, FormatModule(registry_, device_id, module));
    if (module.auth_type == "sas") {
      RETURN_IF_ERROR(registry_.RecordRelease("module.show-keys", absl::StrCat(device_id, "/", id), actor));
    }
    return JsonResponse(200, json);
  }
  if (call.method == "DELETE") {
    RETURN_IF_ERROR(registry_.DeleteModule(device, id, call.IfMatch(), actor));
    return NoContent();
  }
  RETURN_IF_ERROR(CheckBody(call, kLargestJson));
  ASSIGN_OR_RETURN(const Json body, ParseObject(call.body));
  ASSIGN_OR_RETURN(ModuleWish wish, ParseModule(device_id, id, body));
  const std::optional<std::string> if_match = call.IfMatch();
  ASSIGN_OR_RETURN(const store::Module module,
                   if_match ? registry_.UpdateModule(device, std::move(wish), if_match, actor)
                            : registry_.CreateModule(device, std::move(wish), actor));
  ASSIGN_OR_RETURN(const Json json, FormatModule(registry_, device_id, module));
  return JsonResponse(200, json);
}

absl::StatusOr<http::Response> HubApi::Twin(const Call& call, const store::Hub& hub) {
  const size_t depth = call.path.size();
  if (depth != 2 && !(depth == 4 && call.Word(2) == "modules")) return NoRoute();
  const bool reads = call.method == "GET";
  if (!reads && call.method != "PATCH" && call.method != "PUT") return WrongMethod();
  ASSIGN_OR_RETURN(const Actor actor, access_.Service(call, hub, reads ? "RegistryRead" : "RegistryWrite"));
  ASSIGN_OR_RETURN(const store::Device device, registry_.GetDevice(hub.id, call.path[1]));
  std::optional<store::Module> module;
  if (depth == 4) {
    ASSIGN_OR_RETURN(module, registry_.GetModule(device, call.path[3]));
  }
  const std::string& owner = module ? module->id : device.id;
  store::Twin twin;
  if (reads) {
    ASSIGN_OR_RETURN(twin, twins_.Get(owner));
  } else {
    RETURN_IF_ERROR(CheckBody(call, kLargestJson));
    ASSIGN_OR_RETURN(const Json body, ParseObject(call.body));
    const std::string target = depth == 4 ? absl::StrCat(call.path[1], "/", call.path[3]) : call.path[1];
    ASSIGN_OR_RETURN(
        twin, twins_.Change(owner, call.method == "PUT" ? TwinChange::kReplace : TwinChange::kPatch, body,
                            call.IfMatch(), target, actor));
  }
  ASSIGN_OR_RETURN(const Json json, FormatTwin(device, module ? &*module : nullptr, twin));
  return JsonResponse(200, json);
}

absl::StatusOr<http::Response> HubApi::Send(const Call& call, const store::Hub& hub,
                                            const std::string& device_id,
                                            const std::optional<std::string>& module_id) {
  if (call.method != "POST") return WrongMethod();
  RETURN_IF_ERROR(CheckBody(call, kLargestMessage));
  ASSIGN_OR_RETURN(const HubAccess::Sender sender, access_.SenderOf(call, hub, device_id, module_id));
  ASSIGN_OR_RETURN(std::vector<Telemetry::Sent> messages, MessagesOf(call));
  RETURN_IF_ERROR(telemetry_.Add(sender.device.id, module_id.value_or(""), std::move(messages)));
  return NoContent();
}

absl::StatusOr<http::Response> HubApi::Statistics(const Call& call, const store::Hub& hub) {
  if (call.path.size() != 2) return NoRoute();
  if (call.method != "GET") return WrongMethod();
  RETURN_IF_ERROR(access_.Service(call, hub, "RegistryRead").status());
  if (call.Word(1) == "service") return JsonResponse(200, {{"connectedDeviceCount", 0}});
  if (call.Word(1) != "devices") return NoRoute();
  ASSIGN_OR_RETURN(const store::DeviceCount count, registry_.CountDevices(hub.id));
  return JsonResponse(200, {{"totalDeviceCount", count.total},
                            {"enabledDeviceCount", count.total - count.disabled},
                            {"disabledDeviceCount", count.disabled}});
}

}  // namespace aziot::provisiond::api::hub
