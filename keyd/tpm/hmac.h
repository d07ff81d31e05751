// HMAC-SHA256 by the TPM, of a message of any length.
#pragma once

#include <tss2/tss2_esys.h>

#include <array>

#include "absl/status/statusor.h"
#include "common/bytes/bytes.h"
#include "keyd/tpm/tpm_context.h"

namespace aziot::keyd::tpm {

using Hmac = std::array<uint8_t, 32>;

// With the keyed-hash object `key`, authorized by `session`.
absl::StatusOr<Hmac> HmacSha256(TpmContext& tpm, ESYS_TR key, ESYS_TR session, BytesView message);

}  // namespace aziot::keyd::tpm
