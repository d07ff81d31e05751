#include "keyd/backend/key_backend.h"

#include "common/status/status_macros.h"

namespace aziot::keyd {

absl::StatusOr<bool> KeyBackend::VerifyHmac(const KeyId& id, BytesView message, BytesView mac) {
  ASSIGN_OR_RETURN(const Mac expected, Hmac(id, message));
  return ConstantTimeEqual(expected, mac);
}

}  // namespace aziot::keyd
