// The authentication key: DPS's symmetric key for this device, unwrapped inside the TPM and kept there at a
// persistent handle of the TPM service's own.
#pragma once

#include <tss2/tss2_esys.h>

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/bytes/bytes.h"
#include "keyd/tpm/ek.h"
#include "keyd/tpm/hmac.h"
#include "keyd/tpm/tpm_context.h"

namespace aziot::keyd::tpm {

// To be used with the TPM to itself (Tpm::Use).
class AuthKey {
 public:
  explicit AuthKey(TPM2_HANDLE handle) : handle_(handle) {}

  // Replaces the key. When the blob cannot be unwrapped, or what is in it cannot sign, the earlier key stays.
  // A key that cannot be made persistent is kept until the process ends; that is logged.
  absl::Status Import(TpmContext& tpm, const StandardKey& ek, const StandardKey& srk, BytesView blob);

  // Nothing when no key was imported.
  absl::StatusOr<std::optional<Hmac>> Sign(TpmContext& tpm, BytesView data);

 private:
  // As the SRK has wrapped it: a load makes it usable.
  struct Wrapped {
    TPM2B_PRIVATE sensitive;
    TPM2B_PUBLIC area;
  };

  static absl::StatusOr<Wrapped> Unwrap(TpmContext& tpm, const StandardKey& ek, const StandardKey& srk,
                                        BytesView blob);
  static absl::StatusOr<Transient> Load(TpmContext& tpm, ESYS_TR srk, const Wrapped& key);
  absl::Status Replace(TpmContext& tpm, ESYS_TR key);
  absl::StatusOr<Hmac> SignWithUnsaved(TpmContext& tpm, BytesView data);

  const TPM2_HANDLE handle_;
  std::optional<Wrapped> unsaved_;  // could not be made persistent
};

}  // namespace aziot::keyd::tpm
