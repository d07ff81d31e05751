#include "keyd/service/tpm.h"

#include <optional>

#include "common/rpc/errors.h"
#include "common/status/status_macros.h"

namespace aziot::keyd {

namespace v1 = ::aziot::tpm::v1;
using rpc::CallContext;

namespace {

// Nothing that goes wrong below is a wrong parameter to the caller.
absl::Status Failed(const absl::Status& status) { return rpc::InternalError(status.message()); }

}  // namespace

void TpmService::Register(rpc::Dispatcher& dispatcher) {
  dispatcher.Add("aziot.tpm.v1.Tpm.GetTpmKeys", *this, &TpmService::GetTpmKeys);
  dispatcher.Add("aziot.tpm.v1.Tpm.ImportAuthKey", *this, &TpmService::ImportAuthKey);
  dispatcher.Add("aziot.tpm.v1.Tpm.SignWithAuthKey", *this, &TpmService::SignWithAuthKey);
}

absl::StatusOr<v1::TpmKeys> TpmService::GetTpmKeys(const CallContext& call, const v1::GetTpmKeysRequest&) {
  RETURN_IF_ERROR(call.MoveTo(TpmLane()));
  const absl::StatusOr<tpm::Attestation::PublicKeys> keys = attestation_.Keys();
  if (!keys.ok()) return Failed(keys.status());
  v1::TpmKeys reply;
  reply.set_endorsement_key(keys->endorsement_key.data(), keys->endorsement_key.size());
  reply.set_storage_root_key(keys->storage_root_key.data(), keys->storage_root_key.size());
  return reply;
}

absl::StatusOr<v1::ImportAuthKeyReply> TpmService::ImportAuthKey(const CallContext& call,
                                                                 const v1::ImportAuthKeyRequest& request) {
  RETURN_IF_ERROR(call.MoveTo(TpmLane()));
  const absl::Status imported = attestation_.Import(ToBytesView(request.key()));
  if (!imported.ok()) return Failed(imported);
  return v1::ImportAuthKeyReply();
}

absl::StatusOr<v1::SignWithAuthKeyReply> TpmService::SignWithAuthKey(
    const CallContext& call, const v1::SignWithAuthKeyRequest& request) {
  RETURN_IF_ERROR(call.MoveTo(TpmLane()));
  const absl::StatusOr<std::optional<tpm::Hmac>> hmac = attestation_.Sign(ToBytesView(request.data()));
  if (!hmac.ok()) return Failed(hmac.status());
  if (!hmac->has_value()) {
    return rpc::WrongState(
        "no authentication key has been imported into the TPM: call import_auth_key first");
  }
  v1::SignWithAuthKeyReply reply;
  reply.set_digest((*hmac)->data(), (*hmac)->size());
  return reply;
}

}  // namespace aziot::keyd
