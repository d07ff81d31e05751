#include "identityd/service/answers.h"

#include <string>

#include "common/rpc/errors.h"
#include "identityd/modules/hub_registry.h"

namespace aziot::identityd {

using identity::v1::Identity;

Identity ToIdentity(const DeviceIdentity& device, absl::string_view key_handle) {
  Identity identity;
  identity.set_type("aziot");
  identity::v1::IdentitySpec& spec = *identity.mutable_spec();
  spec.set_hub_name(device.hub_name);
  spec.set_gateway_host(device.gateway_host);
  spec.set_device_id(device.device_id);
  spec.mutable_auth()->set_type("sas");
  spec.mutable_auth()->set_key_handle(std::string(key_handle));
  return identity;
}

Identity ToIdentity(const DeviceIdentity& device, const Module& module) {
  Identity identity;
  identity.set_type("aziot");
  identity::v1::IdentitySpec& spec = *identity.mutable_spec();
  spec.set_hub_name(device.hub_name);
  spec.set_gateway_host(device.gateway_host);
  spec.set_device_id(module.device_id);
  spec.set_module_id(module.module_id);
  if (module.generation_id) spec.set_gen_id(*module.generation_id);
  return identity;
}

Identity ToIdentity(const DeviceIdentity& device, const Module& module, absl::string_view key_handle) {
  Identity identity = ToIdentity(device, module);
  identity.mutable_spec()->mutable_auth()->set_type("sas");
  identity.mutable_spec()->mutable_auth()->set_key_handle(std::string(key_handle));
  return identity;
}

Identity ToIdentity(absl::string_view module_id, const LocalIdentity& local) {
  Identity identity;
  identity.set_type("local");
  identity.mutable_spec()->set_module_id(std::string(module_id));
  identity::v1::AuthInfo& auth = *identity.mutable_spec()->mutable_auth();
  auth.set_private_key(local.private_key);
  auth.set_certificate(local.certificate);
  auth.set_expiration(local.expiration);
  return identity;
}

absl::Status ToAnswer(const absl::Status& status) {
  if (status.ok()) return status;
  const absl::string_view text = status.message();
  switch (PartyOf(status)) {
    case Party::kDps:
      return rpc::PeerFailed("DPS client error", text);
    case Party::kHub:
      return rpc::PeerFailed("Hub client error", text);
    case Party::kKeys:
      return rpc::InternalError(text);
    case Party::kOurselves:
      break;
  }
  switch (status.code()) {
    case absl::StatusCode::kFailedPrecondition:
      return rpc::WrongState(text);
    case absl::StatusCode::kUnimplemented:
      return rpc::PeerFailed(text, "");
    case absl::StatusCode::kInvalidArgument:
      return rpc::InvalidParameter("provisioning.payload", text);
    case absl::StatusCode::kCancelled:
      return rpc::Busy("shutting down");
    default:
      return rpc::InternalError(text);
  }
}

}  // namespace aziot::identityd
