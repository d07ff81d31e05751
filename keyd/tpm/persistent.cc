#include "keyd/tpm/persistent.h"

#include "common/status/status_macros.h"
#include "keyd/tpm/esys_ptr.h"

namespace aziot::keyd::tpm {

absl::StatusOr<TPM2B_PUBLIC> ReadPublic(TpmContext& tpm, ESYS_TR object) {
  EsysPtr<TPM2B_PUBLIC> area;
  EsysPtr<TPM2B_NAME> name;
  EsysPtr<TPM2B_NAME> qualified;
  RETURN_IF_ERROR(tpm.Run("TPM2_ReadPublic", [&] {
    return Esys_ReadPublic(tpm.esys(), object, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, EsysOut(area),
                           EsysOut(name), EsysOut(qualified));
  }));
  return *area;
}

absl::StatusOr<Transient> CreatePrimary(TpmContext& tpm, ESYS_TR hierarchy, const TPM2B_PUBLIC& area) {
  const TPM2B_SENSITIVE_CREATE sensitive{};
  const TPM2B_DATA outside{};
  const TPML_PCR_SELECTION pcrs{};
  ESYS_TR object = ESYS_TR_NONE;
  RETURN_IF_ERROR(tpm.Run("TPM2_CreatePrimary", [&] {
    return Esys_CreatePrimary(tpm.esys(), hierarchy, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive,
                              &area, &outside, &pcrs, &object, nullptr, nullptr, nullptr, nullptr);
  }));
  return Transient(tpm, object);
}

absl::Status Persist(TpmContext& tpm, ESYS_TR object, TPM2_HANDLE handle) {
  ESYS_TR made = ESYS_TR_NONE;
  RETURN_IF_ERROR(tpm.Run("TPM2_EvictControl", [&] {
    return Esys_EvictControl(tpm.esys(), ESYS_TR_RH_OWNER, object, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                             ESYS_TR_NONE, handle, &made);
  }));
  Esys_TR_Close(tpm.esys(), &made);
  return absl::OkStatus();
}

absl::Status Evict(TpmContext& tpm, TPM2_HANDLE handle) {
  // Not what is known of the handle, but what lies there now.
  tpm.ForgetPersistent(handle);
  const absl::StatusOr<ESYS_TR> object = tpm.Persistent(handle);
  if (absl::IsNotFound(object.status())) return absl::OkStatus();
  RETURN_IF_ERROR(object.status());
  ESYS_TR none = ESYS_TR_NONE;
  const absl::Status status = tpm.Run("TPM2_EvictControl", [&] {
    return Esys_EvictControl(tpm.esys(), ESYS_TR_RH_OWNER, *object, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                             ESYS_TR_NONE, handle, &none);
  });
  tpm.ForgetPersistent(handle);
  return status;
}

}  // namespace aziot::keyd::tpm
