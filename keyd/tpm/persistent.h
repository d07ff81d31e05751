// Primary and persistent objects: made, read, evicted, with what is known of their handles kept up to date.
#pragma once

#include <tss2/tss2_esys.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "keyd/tpm/tpm_context.h"
#include "keyd/tpm/transient.h"

namespace aziot::keyd::tpm {

// As the TPM has it now.
absl::StatusOr<TPM2B_PUBLIC> ReadPublic(TpmContext& tpm, ESYS_TR object);

// A primary key of `hierarchy`, with an empty password.
absl::StatusOr<Transient> CreatePrimary(TpmContext& tpm, ESYS_TR hierarchy, const TPM2B_PUBLIC& area);

// Keeps a copy of `object` at `handle`, by the owner's right. ErrorOf is TPM2_RC_NV_DEFINED when something is
// there.
absl::Status Persist(TpmContext& tpm, ESYS_TR object, TPM2_HANDLE handle);

// By the owner's right. OK also when there was nothing.
absl::Status Evict(TpmContext& tpm, TPM2_HANDLE handle);

}  // namespace aziot::keyd::tpm
