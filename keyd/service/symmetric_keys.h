// The rpcs on symmetric keys: generate, import, get, delete.
#pragma once

#include "absl/status/statusor.h"
#include "aziot/keys/v1/keys.pb.h"
#include "common/rpc/call_context.h"
#include "common/rpc/dispatcher.h"
#include "keyd/backend/key_backend.h"
#include "keyd/handles/key_handles.h"
#include "keyd/service/access_gate.h"

namespace aziot::keyd {

class SymmetricKeys {
 public:
  SymmetricKeys(KeyBackend& backend, KeyHandles& handles, const AccessGate& access)
      : backend_(backend), handles_(handles), access_(access) {}

  void Register(rpc::Dispatcher& dispatcher);

  // 422 for an unknown usage, 400 for `keyBytes` of length 0, 401 without a principal.
  absl::StatusOr<keys::v1::KeyHandle> CreateKey(const rpc::CallContext& call,
                                                const keys::v1::CreateKeyRequest& request);
  absl::StatusOr<keys::v1::KeyHandle> GetKey(const rpc::CallContext& call,
                                             const keys::v1::GetKeyRequest& request);
  absl::StatusOr<keys::v1::Done> DeleteKey(const rpc::CallContext& call, const keys::v1::KeyHandle& request);
  // Always 400 `invalid type "key"`: only pairs move.
  absl::StatusOr<keys::v1::Done> MoveKey(const rpc::CallContext& call, const keys::v1::MoveRequest& request);

 private:
  absl::StatusOr<keys::v1::KeyHandle> Minted(const KeyId& id);

  KeyBackend& backend_;
  KeyHandles& handles_;
  const AccessGate& access_;
};

}  // namespace aziot::keyd
