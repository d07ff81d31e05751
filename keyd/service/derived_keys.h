// The rpcs on derived keys: a handle for one, and its bytes.
#pragma once

#include "absl/status/statusor.h"
#include "aziot/keys/v1/keys.pb.h"
#include "common/rpc/call_context.h"
#include "common/rpc/dispatcher.h"
#include "keyd/backend/key_backend.h"
#include "keyd/handles/key_handles.h"

namespace aziot::keyd {

class DerivedKeys {
 public:
  DerivedKeys(KeyBackend& backend, KeyHandles& handles) : backend_(backend), handles_(handles) {}

  void Register(rpc::Dispatcher& dispatcher);

  // Touches no key but the one that signs handles. 400 when the base is a pair or itself derived.
  absl::StatusOr<keys::v1::KeyHandle> CreateDerivedKey(const rpc::CallContext& call,
                                                       const keys::v1::CreateDerivedKeyRequest& request);
  absl::StatusOr<keys::v1::DerivedKey> ExportDerivedKey(const rpc::CallContext& call,
                                                        const keys::v1::KeyHandle& request);

 private:
  KeyBackend& backend_;
  KeyHandles& handles_;
};

}  // namespace aziot::keyd
