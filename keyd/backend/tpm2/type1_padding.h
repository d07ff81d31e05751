// The padding of RSA signatures, for places whose own signing insists on a digest they know.
#pragma once

#include "absl/status/statusor.h"
#include "common/bytes/bytes.h"

namespace aziot::keyd::tpm2 {

// `00 01 FF … FF 00` and `input`, `size` bytes in all (RFC 8017, 9.2, from step 3; no DigestInfo is added).
// kInternal when fewer than eight FF are left.
absl::StatusOr<Bytes> PadType1(BytesView input, size_t size);

}  // namespace aziot::keyd::tpm2
