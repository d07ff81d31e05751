// The endorsement key and the storage root key, at the handles that all software of a machine shares (TCG TPM
// v2.0 Provisioning Guidance, 7.8): DPS knows a device by them.
#pragma once

#include <tss2/tss2_esys.h>

#include <string>

#include "absl/status/statusor.h"
#include "keyd/tpm/tpm_context.h"

namespace aziot::keyd::tpm {

constexpr TPM2_HANDLE kEkHandle = 0x81010001;

// TCG's template L-1: RSA-2048, whose use PolicySecret of the endorsement hierarchy allows.
const TPM2B_PUBLIC& EkTemplate();

struct StandardKey {
  ESYS_TR object = ESYS_TR_NONE;  // valid as long as the TpmContext
  TPM2B_PUBLIC area;
};

// The key at its handle, as the TPM has it now. A missing one is made from its template and made persistent
// with the owner's password; the same TPM makes the same key again until it is cleared. kFailedPrecondition,
// with what to do, when something else lies there.
absl::StatusOr<StandardKey> ResolveEk(TpmContext& tpm);
absl::StatusOr<StandardKey> ResolveSrk(TpmContext& tpm);

// The status of a command that a hierarchy's password authorizes ("owner", "endorsement"): names the option
// when it was refused.
absl::Status NamePassword(const absl::Status& status, absl::string_view hierarchy);

// Why a key cannot stand for a device as its EK, or take a key that was wrapped to it as its SRK; "" if it
// can.
std::string FaultOfEk(const TPM2B_PUBLIC& area);
std::string FaultOfSrk(const TPM2B_PUBLIC& area);

}  // namespace aziot::keyd::tpm
