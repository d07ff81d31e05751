// Storage keys: the parents that wrap all other keys.
#pragma once

#include <tss2/tss2_esys.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "keyd/tpm/tpm_context.h"
#include "keyd/tpm/transient.h"

namespace aziot::keyd::tpm {

constexpr TPM2_HANDLE kSrkHandle = 0x81000001;

// RSA-2048, as the TCG's provisioning guidance has it: what every program on the machine expects at
// kSrkHandle.
const TPM2B_PUBLIC& SrkTemplate();
// P-256: the parent of keys whose file names the owner hierarchy instead of a handle (TSS2 PRIVATE KEY).
const TPM2B_PUBLIC& EccStorageTemplate();

// The object at `handle`. A missing one is made from SrkTemplate and made persistent with the owner's
// password when `handle` is kSrkHandle; elsewhere kFailedPrecondition, for only the owner knows what belongs
// there.
absl::StatusOr<ESYS_TR> ResolveStorageKey(TpmContext& tpm, TPM2_HANDLE handle);

// kFailedPrecondition, with the reason, for what cannot be the parent of keys: not restricted, not for
// decryption, no symmetric algorithm.
absl::Status CheckStorageKey(const TPM2B_PUBLIC& area, TPM2_HANDLE handle);

}  // namespace aziot::keyd::tpm
