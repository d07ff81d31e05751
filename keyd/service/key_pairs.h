// The rpcs on key pairs: create, get, move, delete, and their public parameters.
#pragma once

#include "absl/status/statusor.h"
#include "aziot/keys/v1/keys.pb.h"
#include "common/rpc/call_context.h"
#include "common/rpc/dispatcher.h"
#include "keyd/backend/key_backend.h"
#include "keyd/handles/key_handles.h"
#include "keyd/service/access_gate.h"

namespace aziot::keyd {

class KeyPairs {
 public:
  KeyPairs(KeyBackend& backend, KeyHandles& handles, const AccessGate& access)
      : backend_(backend), handles_(handles), access_(access) {}

  void Register(rpc::Dispatcher& dispatcher);

  // 400 when no algorithm in the list is supported, 401 without a principal.
  absl::StatusOr<keys::v1::KeyHandle> CreateKeyPair(const rpc::CallContext& call,
                                                    const keys::v1::CreateKeyPairRequest& request);
  absl::StatusOr<keys::v1::KeyHandle> GetKeyPair(const rpc::CallContext& call,
                                                 const keys::v1::GetKeyRequest& request);
  absl::StatusOr<keys::v1::Done> DeleteKeyPair(const rpc::CallContext& call,
                                               const keys::v1::KeyHandle& request);
  // 401 names the first id the caller may not use, `from` before `to`; 500 when there is no `from`.
  absl::StatusOr<keys::v1::Done> MoveKeyPair(const rpc::CallContext& call,
                                             const keys::v1::MoveRequest& request);
  absl::StatusOr<keys::v1::Parameter> GetParameter(const rpc::CallContext& call,
                                                   const keys::v1::GetParameterRequest& request);

 private:
  absl::StatusOr<keys::v1::KeyHandle> Minted(const KeyId& id);

  KeyBackend& backend_;
  KeyHandles& handles_;
  const AccessGate& access_;
};

}  // namespace aziot::keyd
