// The device's identity, and provisioning it again.
#include "common/rpc/errors.h"
#include "common/status/status_macros.h"
#include "identityd/service/answers.h"
#include "identityd/service/identity_service.h"

namespace aziot::identityd {

absl::StatusOr<identity::v1::Identity> IdentityService::GetDeviceIdentity(
    const Call& call, const identity::v1::DeviceRequest&) {
  if (!settings()->principals.Identify(call.peer).MayHaveDevice())
    return rpc::NotAuthorized("authorization error");
  return AnswerDevice(call);
}

absl::StatusOr<identity::v1::Done> IdentityService::ReprovisionDevice(
    const Call& call, const identity::v1::ReprovisionRequest&) {
  RETURN_IF_ERROR(CheckMayManage(call, *settings()));
  RETURN_IF_ERROR(call.MoveTo(WaitingLane()));
  if (const absl::Status status = parts_.lifecycle.Reprovision(); !status.ok()) return ToAnswer(call, status);
  return identity::v1::Done();
}

}  // namespace aziot::identityd
