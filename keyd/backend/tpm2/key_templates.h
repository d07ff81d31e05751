// The public areas that new keys are made of (tpm.md, section 7.3): children of a storage key, empty
// password, no dictionary-attack protection.
#pragma once

#include <tss2/tss2_tpm2_types.h>

#include "keyd/backend/algorithms.h"

namespace aziot::keyd::tpm2 {

// Whose sensitive part the TPM makes, or we give it.
enum class Origin { kTpm, kGiven };

TPM2B_PUBLIC PairTemplate(KeyAlgorithm algorithm);
// HMAC-SHA256, for signing and deriving.
TPM2B_PUBLIC HmacTemplate(Origin origin);
// Data the TPM gives back.
TPM2B_PUBLIC SealTemplate();

// The longest key the TPM takes for HMAC-SHA256, and the most it seals.
constexpr size_t kMostHmacKeyBytes = 64;
constexpr size_t kMostSealedBytes = 128;

}  // namespace aziot::keyd::tpm2
