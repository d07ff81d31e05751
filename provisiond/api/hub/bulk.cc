#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"
#include "provisiond/api/family.h"
#include "provisiond/api/hub/hub_api.h"
#include "provisiond/api/hub/hub_error.h"
#include "provisiond/api/hub/identity_json.h"
#include "provisiond/lifecycle/fault.h"

namespace aziot::provisiond::api::hub {
namespace {

constexpr size_t kMostInBulk = 100;

// The twin's part of an item, if it has one.
std::optional<Json> TwinOf(const Json& item) {
  if (!item.contains("tags") && !item.contains("properties")) return std::nullopt;
  return item;
}

}  // namespace

absl::Status HubApi::BulkItem(const Json& item, const store::Hub& hub, const Actor& actor) {
  if (!item.is_object()) return Refuse(Fault::kInvalid, "an item must be a JSON object");
  ASSIGN_OR_RETURN(const auto id, TextMember(item, "id"));
  if (!id) return Refuse(Fault::kInvalid, "member 'id' is missing");
  ASSIGN_OR_RETURN(const auto module_id, TextMember(item, "moduleId"));
  ASSIGN_OR_RETURN(const auto mode_text, TextMember(item, "importMode"));
  std::string mode = absl::AsciiStrToLower(mode_text.value_or("createOrUpdate"));
  ASSIGN_OR_RETURN(auto etag, TextMember(item, "eTag"));
  if (!etag) {
    ASSIGN_OR_RETURN(etag, TextMember(item, "etag"));
  }
  IfMatch if_match;
  if (absl::EndsWith(mode, "ifmatchetag")) {
    mode.resize(mode.size() - 11);
    if (mode == "create") return Refuse(Fault::kInvalid, "member 'importMode' is unknown");
    if_match = etag.value_or("");
  }
  if (mode == "updatetwin") {
    ASSIGN_OR_RETURN(const store::Device device, registry_.GetDevice(hub.id, *id));
    ASSIGN_OR_RETURN(const auto twin_etag, TextMember(item, "twinETag"));
    std::string owner = device.id;
    std::string target = *id;
    if (module_id) {
      ASSIGN_OR_RETURN(const store::Module module, registry_.GetModule(device, *module_id));
      owner = module.id;
      absl::StrAppend(&target, "/", *module_id);
    }
    if (if_match) if_match = twin_etag.value_or("");
    return twins_.Change(owner, TwinChange::kPatch, item, if_match, target, actor).status();
  }
  if (mode != "create" && mode != "update" && mode != "delete" && mode != "createorupdate") {
    return Refuse(Fault::kInvalid, "member 'importMode' is unknown");
  }
  if (module_id) {
    ASSIGN_OR_RETURN(const store::Device device, registry_.GetDevice(hub.id, *id));
    if (mode == "delete") return registry_.DeleteModule(device, *module_id, if_match, actor);
    ASSIGN_OR_RETURN(ModuleWish wish, ParseModule(*id, *module_id, item));
    wish.twin = TwinOf(item);
    const bool exists = registry_.GetModule(device, *module_id).ok();
    if (mode == "create" || (mode == "createorupdate" && !exists)) {
      return registry_.CreateModule(device, std::move(wish), actor).status();
    }
    return registry_.UpdateModule(device, std::move(wish), if_match, actor).status();
  }
  if (mode == "delete") return registry_.DeleteDevice(hub.id, *id, if_match, actor);
  ASSIGN_OR_RETURN(DeviceWish wish, ParseDevice(*id, item));
  wish.twin = TwinOf(item);
  const bool exists = registry_.GetDevice(hub.id, *id).ok();
  if (mode == "create" || (mode == "createorupdate" && !exists)) {
    return registry_.CreateDevice(hub.id, std::move(wish), actor).status();
  }
  return registry_.UpdateDevice(hub.id, std::move(wish), if_match, actor).status();
}

absl::StatusOr<http::Response> HubApi::Bulk(const Call& call, const store::Hub& hub) {
  ASSIGN_OR_RETURN(const Actor actor, access_.Service(call, hub, "RegistryWrite"));
  RETURN_IF_ERROR(CheckBody(call, kLargestJson));
  ASSIGN_OR_RETURN(const Json items, ParseJson(call.body));
  if (!items.is_array()) return Refuse(Fault::kInvalid, "the body must be a JSON array");
  if (items.size() > kMostInBulk)
    return Refuse(Fault::kInvalid, absl::StrCat("at most ", kMostInBulk, " devices"));
  Json errors = Json::array();
  for (const Json& item : items) {
    const absl::Status status = BulkItem(item, hub, actor);
    if (status.ok()) continue;
    const auto id = item.is_object() ? TextMember(item, "id") : std::optional<std::string>();
    errors.push_back({{"deviceId", id.ok() ? id->value_or("") : ""},
                      {"errorCode", NameOf(status).code},
                      {"errorStatus", FaultOf(status) ? std::string(status.message()) : "Internal error"}});
  }
  return JsonResponse(errors.empty() ? 200 : 400,
                      {{"isSuccessful", errors.empty()}, {"errors", errors}, {"warnings", Json::array()}});
}

}  // namespace aziot::provisiond::api::hub
