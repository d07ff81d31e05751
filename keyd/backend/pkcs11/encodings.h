// The forms in which tokens give points and signatures, and those that our API has.
#pragma once

#include "absl/status/statusor.h"
#include "common/bytes/bytes.h"

namespace aziot::keyd::pkcs11 {

// CKA_EC_POINT, a DER OCTET STRING around a point (some modules leave the wrapper out), as a compressed point
// (SEC 1, 2.3.3). kInternal for what is none.
absl::StatusOr<Bytes> CompressedPoint(BytesView ec_point);

// r and s, one after the other and equally long, as DER SEQUENCE { r, s } (RFC 3279, 2.2.3).
absl::StatusOr<Bytes> DerSignature(BytesView r_and_s);

// A digest as long as the order of the group: the leftmost bytes of a longer one (FIPS 186-5, 6.4.1), zeros
// before a shorter one, which is the same number. Tokens do not agree about either.
Bytes FittedDigest(BytesView digest, size_t order_bytes);

}  // namespace aziot::keyd::pkcs11
