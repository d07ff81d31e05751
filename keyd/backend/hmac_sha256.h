// HMAC-SHA256 (RFC 2104) with one key, hashed in advance: the two states that its blocks lead to are kept,
// the key is not. (EVP_MAC's context would hold a copy of the key in ordinary memory.)
#pragma once

#include <memory>
#include <span>

#include "absl/status/statusor.h"
#include "common/bytes/bytes.h"
#include "common/openssl/owned.h"

namespace aziot::keyd {

// Used by one thread at a time.
class HmacSha256 {
 public:
  static constexpr size_t kBlockBytes = 64;  // SHA-256's

  // `key` has at most kBlockBytes. kInternal when OpenSSL fails.
  static absl::StatusOr<std::unique_ptr<HmacSha256>> New(BytesView key);

  absl::Status Compute(BytesView message, std::span<uint8_t, 32> out);
  // Leaves nothing of the last result behind, which may be a key itself.
  absl::Status Forget();

 private:
  HmacSha256() = default;

  openssl::MdCtxPtr inner_;
  openssl::MdCtxPtr outer_;
  openssl::MdCtxPtr work_;
};

}  // namespace aziot::keyd
