// Where the device comes from, and whom it trusts: open to every local caller.
#include "common/rpc/errors.h"
#include "common/status/status_macros.h"
#include "identityd/provisioning/sources.h"
#include "identityd/service/identity_service.h"

namespace aziot::identityd {

absl::StatusOr<identity::v1::ProvisioningInfo> IdentityService::GetProvisioningInfo(
    const Call& call, const identity::v1::GetProvisioningInfoRequest&) {
  const auto settings = this->settings();
  if (settings->provisioning.has_payload()) RETURN_IF_ERROR(call.MoveTo(Lane::Peers()));
  const absl::StatusOr<ProvisioningDescription> description = identityd::Describe(settings->provisioning);
  if (!description.ok()) return rpc::InvalidParameter("provisioning.payload", description.status().message());
  identity::v1::ProvisioningInfo info;
  info.set_source(description->source);
  if (description->auth) info.set_auth(*description->auth);
  if (description->endpoint) info.set_endpoint(*description->endpoint);
  if (description->scope_id) info.set_scope_id(*description->scope_id);
  if (description->registration_id) info.set_registration_id(*description->registration_id);
  if (description->payload) info.set_payload(*description->payload);
  return info;
}

absl::StatusOr<identity::v1::TrustBundle> IdentityService::GetTrustBundle(
    const Call&, const identity::v1::GetTrustBundleRequest&) {
  identity::v1::TrustBundle bundle;
  bundle.set_certificate(parts_.lifecycle.TrustBundle());
  return bundle;
}

}  // namespace aziot::identityd
