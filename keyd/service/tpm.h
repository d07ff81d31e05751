// The TPM service's rpcs: what DPS needs of the TPM to know the device, and the key it gives it. Whoever can
// open the socket may call.
#pragma once

#include "absl/status/statusor.h"
#include "aziot/tpm/v1/tpm.pb.h"
#include "common/ids/lane.h"
#include "common/rpc/call_context.h"
#include "common/rpc/dispatcher.h"
#include "keyd/tpm/attestation.h"

namespace aziot::keyd {

// Every failure of the TPM is 500, so is a key that cannot be imported: the cause is for the log.
class TpmService {
 public:
  explicit TpmService(tpm::Attestation& attestation) : attestation_(attestation) {}

  // Where its handlers run: a TPM does one thing at a time.
  static Lane TpmLane() { return Lane::Named("tpm"); }

  void Register(rpc::Dispatcher& dispatcher);

  absl::StatusOr<aziot::tpm::v1::TpmKeys> GetTpmKeys(const rpc::CallContext& call,
                                                     const aziot::tpm::v1::GetTpmKeysRequest& request);
  absl::StatusOr<aziot::tpm::v1::ImportAuthKeyReply> ImportAuthKey(
      const rpc::CallContext& call, const aziot::tpm::v1::ImportAuthKeyRequest& request);
  // 400 when no key was imported.
  absl::StatusOr<aziot::tpm::v1::SignWithAuthKeyReply> SignWithAuthKey(
      const rpc::CallContext& call, const aziot::tpm::v1::SignWithAuthKeyRequest& request);

 private:
  tpm::Attestation& attestation_;
};

}  // namespace aziot::keyd
