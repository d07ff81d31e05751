// Digests, MACs and random bytes, in the forms the wire uses.
#pragma once

#include <array>

#include "common/bytes/bytes.h"
#include "common/bytes/secret.h"

namespace aziot::openssl {

std::array<uint8_t, 32> Sha256(BytesView data);
// SHA-1, for thumbprints and key identifiers only.
std::array<uint8_t, 20> Sha1(BytesView data);

// HMAC-SHA256 (RFC 2104); `key` of any length.
std::array<uint8_t, 32> HmacSha256(BytesView key, BytesView data);

// Cryptographic random bytes; ends the process when the generator fails.
Bytes RandomBytes(size_t count);
Secret RandomSecret(size_t count);

}  // namespace aziot::openssl
