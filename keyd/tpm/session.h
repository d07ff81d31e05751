// Sessions: authorizations that cover more than a password does, and secrets that cross the bus encrypted.
#pragma once

#include "absl/status/statusor.h"
#include "keyd/tpm/tpm_context.h"
#include "keyd/tpm/transient.h"

namespace aziot::keyd::tpm {

// An HMAC session with SHA-256 and AES-128-CFB, salted to `salt_key` (a storage key) unless that is
// ESYS_TR_NONE: only salted ones keep secrets from whoever listens on the bus. `attributes`:
// TPMA_SESSION_DECRYPT for the first parameter of the command, TPMA_SESSION_ENCRYPT for that of the answer,
// TPMA_SESSION_CONTINUESESSION to use it more than once (without, the TPM flushes it after its command
// succeeded: Release it then).
absl::StatusOr<Transient> StartHmacSession(TpmContext& tpm, ESYS_TR salt_key, TPMA_SESSION attributes);

// For the session's next command.
absl::Status SetSessionAttributes(TpmContext& tpm, ESYS_TR session, TPMA_SESSION attributes);

// A policy session that has satisfied PolicySecret of `entity` by its password: what the EK's standard policy
// asks for, with the endorsement hierarchy.
absl::StatusOr<Transient> StartPolicySecretSession(TpmContext& tpm, ESYS_TR entity);

}  // namespace aziot::keyd::tpm
