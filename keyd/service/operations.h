// The rpcs that use a key: sign, encrypt, decrypt. The handle is the permission.
#pragma once

#include "absl/status/statusor.h"
#include "aziot/keys/v1/keys.pb.h"
#include "common/rpc/call_context.h"
#include "common/rpc/dispatcher.h"
#include "keyd/backend/key_backend.h"
#include "keyd/handles/key_handles.h"

namespace aziot::keyd {

class Operations {
 public:
  Operations(KeyBackend& backend, KeyHandles& handles) : backend_(backend), handles_(handles) {}

  void Register(rpc::Dispatcher& dispatcher);

  // 422 for an unknown algorithm or a parameter it needs and has not; then 400 for the handle; then 400, name
  // `mechanism`, for an algorithm that does not fit the handle's kind of key.
  absl::StatusOr<keys::v1::SignReply> Sign(const rpc::CallContext& call,
                                           const keys::v1::SignRequest& request);
  absl::StatusOr<keys::v1::EncryptReply> Encrypt(const rpc::CallContext& call,
                                                 const keys::v1::EncryptRequest& request);
  absl::StatusOr<keys::v1::DecryptReply> Decrypt(const rpc::CallContext& call,
                                                 const keys::v1::DecryptRequest& request);

 private:
  absl::StatusOr<Mac> Hmac(const rpc::CallContext& call, const Handle& handle, BytesView message);

  KeyBackend& backend_;
  KeyHandles& handles_;
};

}  // namespace aziot::keyd
