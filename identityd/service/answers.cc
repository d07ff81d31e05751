#include "identityd/service/answers.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/rpc/error_code.h"
#include "common/rpc/errors.h"
#include "identityd/modules/hub_registry.h"

namespace aziot::identityd {

using identity::v1::Identity;

constexpr absl::string_view kFirstWithCodes = "2026-12-01";

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

namespace {

absl::string_view WordFor(Reason reason) {
  switch (reason) {
    case Reason::kNetwork:
      return "unreachable";
    case Reason::kModuleGone:
      return "not_found";
    case Reason::kDeviceGone:
      return "device_not_found";
    case Reason::kModuleExists:
      return "exists";
    case Reason::kChanged:
      return "changed";
    case Reason::kUnauthorized:
      return "unauthorized";
    case Reason::kThrottled:
      return "throttled";
    case Reason::kOther:
      break;
  }
  return "error";
}

std::string CodeFor(const absl::Status& status) {
  switch (PartyOf(status)) {
    case Party::kDps:
      return absl::StrCat("dps_", WordFor(ReasonOf(status)));
    case Party::kHub:
      return absl::StrCat("hub_", WordFor(ReasonOf(status)));
    case Party::kKeys:
      return absl::StrCat("keys_", WordFor(ReasonOf(status)));
    case Party::kOurselves:
      break;
  }
  return "";
}

absl::Status ToReadable(const absl::Status& status) {
  if (absl::IsCancelled(status)) return rpc::Busy("shutting down");
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
    default:
      return rpc::InternalError(text);
  }
}

absl::Status WithCodeFor(const rpc::CallContext& call, const absl::Status& status, absl::Status answer) {
  const std::string code = CodeFor(status);
  // api-versions are dates and compare as text.
  if (code.empty() || call.api_version < kFirstWithCodes) return answer;
  return rpc::WithErrorCode(std::move(answer), code);
}

}  // namespace

absl::Status ToAnswer(const rpc::CallContext& call, const absl::Status& status) {
  if (status.ok()) return status;
  return WithCodeFor(call, status, ToReadable(status));
}

absl::Status ToDeviceKeyAnswer(const rpc::CallContext& call, const absl::Status& status) {
  if (status.ok() || absl::IsCancelled(status)) return ToAnswer(call, status);
  return WithCodeFor(call, status, rpc::PeerFailed("Key client error", status.message()));
}

}  // namespace aziot::identityd
