// KeyFile: a PEM file that stands where a program wants a private key file, and holds the name of a key of
// keyd instead of a key:
//
//   -----BEGIN AZIOT KEYS URI-----
//   YXppb3Q6a2V5PWRldmljZS1pZA==
//   -----END AZIOT KEYS URI-----
//
// The body is the URI of key_ref.h, in base64 or as it is.
#pragma once

#include <openssl/bio.h>

#include <optional>

#include "openssl-engine/key_ref.h"
#include "openssl-engine/result.h"

namespace aziot::openssl_engine {

constexpr size_t kMaxKeyFileBody = 16 * 1024;

// Reads one PEM block and leaves `in` behind it. Nothing when the block has another label, or there is none
// left. kInvalidName when the label is ours and the body is no name of a key.
Result<std::optional<KeyRef>> ReadKeyFile(BIO* in);

}  // namespace aziot::openssl_engine
