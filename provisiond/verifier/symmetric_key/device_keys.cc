#include "provisiond/verifier/symmetric_key/device_keys.h"

#include "common/bytes/base64.h"
#include "common/openssl/digest.h"
#include "common/status/status_macros.h"

namespace aziot::provisiond {

KeyPair NewKeyPair(size_t size) { return {openssl::RandomSecret(size), openssl::RandomSecret(size)}; }

absl::StatusOr<Secret> ParseKey(absl::string_view base64) {
  ASSIGN_OR_RETURN(Bytes bytes, ParseBase64(base64));
  Secret key = Secret::Take(std::move(bytes));
  if (key.size() < 16 || key.size() > 64) {
    return absl::InvalidArgumentError("a symmetric key has 16 to 64 bytes");
  }
  return key;
}

Secret DeriveDeviceKey(const Secret& group_key, absl::string_view registration_id) {
  return Secret(BytesView(openssl::HmacSha256(group_key.Expose(), ToBytesView(registration_id))));
}

}  // namespace aziot::provisiond
