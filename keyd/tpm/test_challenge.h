// The other side of an import, in software: wraps an HMAC key to a TPM as DPS does (TPM 2.0 Part 1, 23.3 and
// 24). For tests only.
#pragma once

#include <tss2/tss2_tpm2_types.h>

#include <array>

#include "common/bytes/bytes.h"

namespace aziot::keyd::tpm {

struct Challenge {
  Bytes endorsement_key;   // the TPM's, as marshalled TPM2B_PUBLIC
  Bytes storage_root_key;  // the same
  Bytes hmac_key;
  TPMA_OBJECT attributes = TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA | TPMA_OBJECT_SIGN_ENCRYPT;
};

// The five structures, each with its length.
std::array<Bytes, 5> WrapParts(const Challenge& challenge);
// The same as one blob.
Bytes Wrap(const Challenge& challenge);
Bytes Join(const std::array<Bytes, 5>& parts);

}  // namespace aziot::keyd::tpm
