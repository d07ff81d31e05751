#include "provisiond/api/hub/identity_json.h"

#include "absl/strings/str_cat.h"
#include "common/bytes/base64.h"
#include "common/status/status_macros.h"
#include "provisiond/lifecycle/fault.h"
#include "provisiond/lifecycle/key_member.h"
#include "provisiond/lifecycle/names.h"

namespace aziot::provisiond::api::hub {
namespace {

absl::Status CheckId(const Json& json, absl::string_view member, absl::string_view id) {
  if (!IsDeviceId(id)) return Refuse(Fault::kInvalid, absl::StrCat("Invalid ", member, "."));
  ASSIGN_OR_RETURN(const auto own, TextMember(json, member));
  if (own && *own != id)
    return Refuse(Fault::kInvalid, absl::StrCat("The ", member, " of the body is not the path's."));
  return absl::OkStatus();
}

absl::Status ReadAuthentication(const Json& json, std::optional<std::string>& type, WantedKeys& keys) {
  ASSIGN_OR_RETURN(const Json* authentication, ObjectMember(json, "authentication"));
  if (authentication == nullptr) return absl::OkStatus();
  ASSIGN_OR_RETURN(type, TextMember(*authentication, "type"));
  if (type == "selfSigned" || type == "certificateAuthority") {
    return Refuse(Fault::kNotSupported, absl::StrCat("authentication type ", *type, " is not supported yet"));
  }
  if (type && *type != "sas" && *type != "none")
    return Refuse(Fault::kInvalid, "member 'authentication.type' is unknown");
  ASSIGN_OR_RETURN(const Json* symmetric, ObjectMember(*authentication, "symmetricKey"));
  if (symmetric == nullptr) return absl::OkStatus();
  ASSIGN_OR_RETURN(keys.primary, KeyMember(*symmetric, "primaryKey"));
  ASSIGN_OR_RETURN(keys.secondary, KeyMember(*symmetric, "secondaryKey"));
  return absl::OkStatus();
}

template <class Identity>
absl::StatusOr<Json> FormatAuthentication(const Registry& registry, const Identity& identity) {
  Json symmetric = {{"primaryKey", nullptr}, {"secondaryKey", nullptr}};
  if (identity.auth_type == "sas") {
    ASSIGN_OR_RETURN(const KeyPair keys, registry.KeysOf(identity));
    symmetric["primaryKey"] = FormatBase64(keys.primary.Expose());
    symmetric["secondaryKey"] = FormatBase64(keys.secondary.Expose());
  }
  return Json{{"type", identity.auth_type},
              {"symmetricKey", std::move(symmetric)},
              {"x509Thumbprint", {{"primaryThumbprint", nullptr}, {"secondaryThumbprint", nullptr}}}};
}

Json Connection() {
  return {{"connectionState", "Disconnected"},
          {"connectionStateUpdatedTime", FormatTime(0)},
          {"lastActivityTime", FormatTime(0)},
          {"cloudToDeviceMessageCount", 0}};
}

}  // namespace

absl::StatusOr<DeviceWish> ParseDevice(absl::string_view id, const Json& json) {
  RETURN_IF_ERROR(CheckId(json, "deviceId", id));
  DeviceWish wish;
  wish.device_id = std::string(id);
  ASSIGN_OR_RETURN(const auto status, TextMember(json, "status"));
  if (status && *status != "enabled" && *status != "disabled") {
    return Refuse(Fault::kInvalid, "member 'status' must be enabled or disabled");
  }
  if (status) wish.enabled = *status == "enabled";
  ASSIGN_OR_RETURN(wish.status_reason, TextMember(json, "statusReason"));
  if (wish.status_reason && !IsReason(*wish.status_reason)) {
    return Refuse(Fault::kInvalid, "member 'statusReason' has at most 128 characters");
  }
  ASSIGN_OR_RETURN(const Json* capabilities, ObjectMember(json, "capabilities"));
  if (capabilities != nullptr) {
    ASSIGN_OR_RETURN(const auto edge, BoolMember(*capabilities, "iotEdge"));
    wish.capabilities = Json{{"iotEdge", edge.value_or(false)}}.dump();
  }
  ASSIGN_OR_RETURN(wish.device_scope, TextMember(json, "deviceScope"));
  ASSIGN_OR_RETURN(const Json* parents, ArrayMember(json, "parentScopes"));
  if (parents != nullptr) {
    for (const Json& parent : *parents) {
      if (!parent.is_string()) return Refuse(Fault::kInvalid, "member 'parentScopes' must hold strings");
    }
    wish.parent_scopes = parents->dump();
  }
  RETURN_IF_ERROR(ReadAuthentication(json, wish.auth_type, wish.keys));
  return wish;
}

absl::StatusOr<ModuleWish> ParseModule(absl::string_view device_id, absl::string_view id, const Json& json) {
  RETURN_IF_ERROR(CheckId(json, "moduleId", id));
  RETURN_IF_ERROR(CheckId(json, "deviceId", device_id));
  ModuleWish wish;
  wish.module_id = std::string(id);
  ASSIGN_OR_RETURN(wish.managed_by, TextMember(json, "managedBy"));
  RETURN_IF_ERROR(ReadAuthentication(json, wish.auth_type, wish.keys));
  return wish;
}

absl::StatusOr<Json> FormatDevice(const Registry& registry, const store::Device& device) {
  Json json = Connection();
  json["deviceId"] = device.device_id;
  json["generationId"] = device.generation_id;
  json["etag"] = device.etag;
  json["status"] = IsEnabled(device.state) ? "enabled" : "disabled";
  json["statusReason"] = device.status_reason.empty() ? Json() : Json(device.status_reason);
  json["statusUpdatedTime"] = FormatTime(device.status_at);
  ASSIGN_OR_RETURN(json["authentication"], FormatAuthentication(registry, device));
  ASSIGN_OR_RETURN(json["capabilities"], ParseObject(device.capabilities));
  if (device.device_scope) json["deviceScope"] = *device.device_scope;
  if (device.parent_scopes) {
    ASSIGN_OR_RETURN(json["parentScopes"], ParseJson(*device.parent_scopes));
  }
  return json;
}

absl::StatusOr<Json> FormatModule(const Registry& registry, absl::string_view device_id,
                                  const store::Module& module) {
  Json json = Connection();
  json["moduleId"] = module.module_id;
  json["deviceId"] = std::string(device_id);
  json["generationId"] = module.generation_id;
  json["etag"] = module.etag;
  json["managedBy"] = module.managed_by ? Json(*module.managed_by) : Json();
  ASSIGN_OR_RETURN(json["authentication"], FormatAuthentication(registry, module));
  return json;
}

absl::StatusOr<Json> FormatTwin(const store::Device& device, const store::Module* module,
                                const store::Twin& twin) {
  Json json = {{"deviceId", device.device_id},
               {"etag", twin.etag},
               {"deviceEtag", module == nullptr ? device.etag : module->etag},
               {"status", IsEnabled(device.state) ? "enabled" : "disabled"},
               {"statusUpdateTime", FormatTime(device.status_at)},
               {"connectionState", "Disconnected"},
               {"lastActivityTime", FormatTime(0)},
               {"cloudToDeviceMessageCount", 0},
               {"authenticationType", module == nullptr ? device.auth_type : module->auth_type},
               {"x509Thumbprint", {{"primaryThumbprint", nullptr}, {"secondaryThumbprint", nullptr}}},
               {"version", twin.version}};
  if (module != nullptr) json["moduleId"] = module->module_id;
  ASSIGN_OR_RETURN(json["tags"], ParseObject(twin.tags));
  const Json metadata = {{"$lastUpdated", FormatTime(twin.updated_at)}};
  ASSIGN_OR_RETURN(Json desired, ParseObject(twin.desired));
  desired["$metadata"] = metadata;
  desired["$version"] = twin.desired_version;
  ASSIGN_OR_RETURN(Json reported, ParseObject(twin.reported));
  reported["$metadata"] = metadata;
  reported["$version"] = twin.reported_version;
  json["properties"] = {{"desired", std::move(desired)}, {"reported", std::move(reported)}};
  ASSIGN_OR_RETURN(json["capabilities"], ParseObject(device.capabilities));
  return json;
}

}  // namespace aziot::provisiond::api::hub
