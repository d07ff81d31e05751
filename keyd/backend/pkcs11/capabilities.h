// What a token truly does with secret keys, as opposed to what its mechanism list says: proven once per token
// with real operations, and remembered.
#pragma once

#include <mutex>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "common/bytes/bytes.h"
#include "keyd/backend/pkcs11/session.h"
#include "keyd/backend/pkcs11/templates.h"

namespace aziot::keyd::pkcs11 {

// HMAC-SHA256, or AES-GCM with an iv of 12 and one of 32 bytes (both are in use), with a key on the token;
// compared with our own computation when `value` is known. kUnimplemented when the token cannot do it right.
absl::Status Prove(Session& session, SecretKind kind, CK_OBJECT_HANDLE key, std::optional<BytesView> value);

// Thread-safe.
class Capabilities {
 public:
  // nullopt: not known yet. kUnimplemented with the reason.
  std::optional<absl::Status> Of(SecretKind kind) const;
  // Keeps OK and kUnimplemented; all else says nothing about the token.
  void Remember(SecretKind kind, const absl::Status& proof);

 private:
  mutable std::mutex mutex_;
  std::optional<absl::Status> known_[2];
};

}  // namespace aziot::keyd::pkcs11
