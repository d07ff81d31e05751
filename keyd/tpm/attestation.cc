#include "keyd/tpm/attestation.h"

#include "common/status/status_macros.h"
#include "keyd/tpm/ek.h"
#include "keyd/tpm/marshal.h"

namespace aziot::keyd::tpm {
namespace {

// ThreadSanitizer does not see how the packaged absl::Status counts those who share one.
absl::Status CopyOf(const absl::Status& status) { return absl::Status(status.code(), status.message()); }

}  // namespace

absl::StatusOr<Attestation::PublicKeys> Attestation::Keys() {
  PublicKeys keys;
  const absl::Status status = tpm_.Use([&](TpmContext& tpm) -> absl::Status {
    ASSIGN_OR_RETURN(const StandardKey ek, ResolveEk(tpm));
    ASSIGN_OR_RETURN(const StandardKey srk, ResolveSrk(tpm));
    ASSIGN_OR_RETURN(keys.endorsement_key, FormatPublic(ek.area));
    ASSIGN_OR_RETURN(keys.storage_root_key, FormatPublic(srk.area));
    return absl::OkStatus();
  });
  const std::lock_guard lock(mutex_);
  if (!ready_.ok()) ready_ = CopyOf(status);
  if (!status.ok()) return status;
  return keys;
}

absl::Status Attestation::Import(BytesView blob) {
  return tpm_.Use([&](TpmContext& tpm) -> absl::Status {
    ASSIGN_OR_RETURN(const StandardKey ek, ResolveEk(tpm));
    ASSIGN_OR_RETURN(const StandardKey srk, ResolveSrk(tpm));
    return auth_key_.Import(tpm, ek, srk, blob);
  });
}

absl::StatusOr<std::optional<Hmac>> Attestation::Sign(BytesView data) {
  std::optional<Hmac> hmac;
  RETURN_IF_ERROR(tpm_.Use([&](TpmContext& tpm) -> absl::Status {
    ASSIGN_OR_RETURN(hmac, auth_key_.Sign(tpm, data));
    return absl::OkStatus();
  }));
  return hmac;
}

absl::Status Attestation::Ready() const {
  const std::lock_guard lock(mutex_);
  return CopyOf(ready_);
}

}  // namespace aziot::keyd::tpm
