#include "provisiond/api/hub/hub_access.h"

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"
#include "provisiond/lifecycle/fault.h"

namespace aziot::provisiond::api::hub {
namespace {

// Whom back ends' failed proofs are counted under; no device id has a space.
constexpr absl::string_view kServiceProofs = "hub service";

absl::Status Unauthorized(absl::string_view why) { return Refuse(Fault::kUnauthorized, why); }

absl::Status CheckEnabled(const store::Device& device) {
  if (IsEnabled(device.state)) return absl::OkStatus();
  return Refuse(Fault::kForbidden, absl::StrCat("Device ", device.device_id, " is disabled."));
}

bool SignedBy(const auth::SasToken& token, const KeyPair& keys) {
  return auth::SignedByEither(token, keys.primary.Expose(), keys.secondary.Expose());
}

// The resource under each name the hub may have been called by.
std::vector<std::vector<std::string>> Resources(const Call& call, const store::Hub& hub,
                                                const std::vector<std::string>& tail) {
  std::vector<std::vector<std::string>> out;
  out.push_back({hub.host_name});
  // A loopback name that fell to the default hub.
  if (call.host != hub.host_name && !call.host.empty()) out.push_back({call.host});
  for (std::vector<std::string>& resource : out) resource.insert(resource.end(), tail.begin(), tail.end());
  return out;
}

bool CoversAny(const auth::SasToken& token, const std::vector<std::vector<std::string>>& resources) {
  for (const std::vector<std::string>& resource : resources) {
    if (auth::Covers(token, resource, auth::Scope::kPrefix)) return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<Actor> HubAccess::Policy(const Call& call, const auth::SasToken& token, const store::Hub& hub,
                                        absl::string_view permission) {
  const absl::Status status = policies_.Check("hub", token, Resources(call, hub, call.path), permission);
  if (absl::IsUnauthenticated(status)) return Unauthorized(status.message());
  if (absl::IsPermissionDenied(status)) return Refuse(Fault::kForbidden, status.message());
  RETURN_IF_ERROR(status);
  return Actor{absl::StrCat("policy ", token.key_name, " @ ", call.peer), call.request_id};
}

absl::StatusOr<Actor> HubAccess::Service(const Call& call, const store::Hub& hub,
                                         absl::string_view permission) {
  ASSIGN_OR_RETURN(const auth::SasToken token, proofs_.TokenOf(call, kServiceProofs));
  absl::StatusOr<Actor> actor = token.key_name.empty() ? Unauthorized("a policy's token is needed here")
                                                       : Policy(call, token, hub, permission);
  if (!actor.ok()) return proofs_.Note(call, kServiceProofs, actor.status());
  return actor;
}

absl::Status HubAccess::ProveDevice(const Call& call, const auth::SasToken& token, const store::Hub& hub,
                                    const store::Device& device, std::vector<std::string> tail) {
  if (device.auth_type != "sas") return Unauthorized("the device has no symmetric keys");
  ASSIGN_OR_RETURN(const KeyPair keys, registry_.KeysOf(device));
  if (!SignedBy(token, keys)) return Unauthorized("the signature does not match");
  if (!CoversAny(token, Resources(call, hub, tail))) return Unauthorized("the token is for another resource");
  return absl::OkStatus();
}

absl::StatusOr<Actor> HubAccess::DeviceOrService(const Call& call, const store::Hub& hub,
                                                 absl::string_view device_id, absl::string_view permission) {
  ASSIGN_OR_RETURN(const auth::SasToken token, proofs_.TokenOf(call, device_id));
  if (!token.key_name.empty()) {
    absl::StatusOr<Actor> actor = Policy(call, token, hub, permission);
    if (!actor.ok()) return proofs_.Note(call, device_id, actor.status());
    return actor;
  }
  const absl::StatusOr<store::Device> device = registry_.GetDevice(hub.id, device_id);
  if (!device.ok()) {
    // Whether the device exists is not told to who cannot prove to be it.
    return FaultOf(device.status()) ? proofs_.Note(call, device_id, Unauthorized("unknown device"))
                                    : device.status();
  }
  absl::Status status = ProveDevice(call, token, hub, *device, {"devices", std::string(device_id)});
  if (status.ok()) status = CheckEnabled(*device);
  if (!status.ok()) return proofs_.Note(call, device_id, status);
  return Actor{absl::StrCat("device ", device_id, " @ ", call.peer), call.request_id};
}

absl::StatusOr<HubAccess::Sender> HubAccess::SenderOf(const Call& call, const store::Hub& hub,
                                                      absl::string_view device_id,
                                                      const std::optional<std::string>& module_id) {
  ASSIGN_OR_RETURN(const auth::SasToken token, proofs_.TokenOf(call, device_id));

  const auto prove = [&]() -> absl::StatusOr<Sender> {
    const absl::Status unknown = Unauthorized("unknown device or module");
    const bool by_policy = !token.key_name.empty();
    if (by_policy) RETURN_IF_ERROR(Policy(call, token, hub, "DeviceConnect").status());
    absl::StatusOr<store::Device> device = registry_.GetDevice(hub.id, device_id);
    if (!device.ok()) return FaultOf(device.status()) && !by_policy ? unknown : device.status();
    Sender sender{*std::move(device), std::nullopt};
    if (module_id) {
      absl::StatusOr<store::Module> module = registry_.GetModule(sender.device, *module_id);
      if (!module.ok()) return FaultOf(module.status()) && !by_policy ? unknown : module.status();
      sender.module = *std::move(module);
    }
    if (!by_policy) {
      std::vector<std::string> tail = {"devices", std::string(device_id)};
      if (sender.module) {
        if (sender.module->auth_type != "sas") return Unauthorized("the module has no symmetric keys");
        tail.insert(tail.end(), {"modules", *module_id});
        ASSIGN_OR_RETURN(const KeyPair keys, registry_.KeysOf(*sender.module));
        if (!SignedBy(token, keys)) return Unauthorized("the signature does not match");
        if (!CoversAny(token, Resources(call, hub, tail)))
          return Unauthorized("the token is for another resource");
      } else {
        RETURN_IF_ERROR(ProveDevice(call, token, hub, sender.device, std::move(tail)));
      }
    }
    RETURN_IF_ERROR(CheckEnabled(sender.device));
    return sender;
  };
  absl::StatusOr<Sender> sender = prove();
  if (!sender.ok()) return proofs_.Note(call, device_id, sender.status());
  return sender;
}

}  // namespace aziot::provisiond::api::hub
