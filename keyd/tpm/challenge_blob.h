// What DPS sends as `authenticationKey`: an HMAC key wrapped twice, to the EK by a credential and to the SRK
// by a duplication (TPM 2.0 Part 1, 23.3 and 24), as five structures one after the other.
#pragma once

#include <tss2/tss2_tpm2_types.h>

#include "absl/status/statusor.h"
#include "common/bytes/bytes.h"

namespace aziot::keyd::tpm {

struct ChallengeBlob {
  TPM2B_ID_OBJECT credential;              // the key of the inner wrapper, for the SRK's name
  TPM2B_ENCRYPTED_SECRET credential_seed;  // to the EK
  TPM2B_PRIVATE duplicate;
  TPM2B_ENCRYPTED_SECRET duplicate_seed;  // to the SRK
  TPM2B_PUBLIC public_area;
};

// Bytes after the fifth are ignored. kInvalidArgument names the structure that is wrong, and is all that can
// be said without the TPM: only it can tell whether the contents belong together.
absl::StatusOr<ChallengeBlob> ParseChallengeBlob(BytesView blob);

}  // namespace aziot::keyd::tpm
