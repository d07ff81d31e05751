// A symmetric key held in this process: the file store's keys, and every derived key, also when its base is
// on a token.
#pragma once

#include "absl/status/statusor.h"
#include "common/bytes/bytes.h"
#include "common/bytes/secret.h"
#include "common/openssl/owned.h"
#include "keyd/backend/context_pool.h"
#include "keyd/backend/hmac_sha256.h"
#include "keyd/backend/key_backend.h"

namespace aziot::keyd {

// Thread-safe.
class MemoryKey {
 public:
  explicit MemoryKey(Secret bytes);

  // HMAC-SHA256 with a key of any length; kInternal when OpenSSL fails.
  absl::StatusOr<Mac> Hmac(BytesView message) const;
  absl::StatusOr<Secret> Derive(BytesView data) const;

  // AES-256-GCM. kInternal for a key that is not 32 bytes and for an iv of 0 or more than 128 bytes.
  absl::StatusOr<Bytes> Encrypt(const AeadParameters& parameters, BytesView plaintext) const;
  // Accepts version 02 (`02`, ciphertext, tag) and the older 01 (`01`, tag, ciphertext). kInvalidArgument for
  // what is neither, kInternal for a tag that does not match.
  absl::StatusOr<Bytes> Decrypt(const AeadParameters& parameters, BytesView blob) const;

 private:
  absl::StatusOr<std::unique_ptr<HmacSha256>> TakeHmac() const;
  absl::StatusOr<openssl::CipherCtxPtr> StartGcm(const AeadParameters& parameters, BytesView text,
                                                 int encrypt) const;

  const bool fits_aes_;
  // The key, or what HMAC makes of one that is longer than a block: contexts stay small.
  const Secret bytes_;
  mutable ContextPool<std::unique_ptr<HmacSha256>> hmacs_;
};

}  // namespace aziot::keyd
