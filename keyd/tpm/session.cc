#include "keyd/tpm/session.h"

#include "common/status/status_macros.h"
#include "keyd/tpm/esys_ptr.h"

namespace aziot::keyd::tpm {
namespace {

constexpr TPMT_SYM_DEF kAes128Cfb{
    .algorithm = TPM2_ALG_AES, .keyBits = {.aes = 128}, .mode = {.aes = TPM2_ALG_CFB}};

absl::StatusOr<Transient> Start(TpmContext& tpm, ESYS_TR salt_key, TPM2_SE type) {
  ESYS_TR session = ESYS_TR_NONE;
  RETURN_IF_ERROR(tpm.Run("TPM2_StartAuthSession", [&] {
    return Esys_StartAuthSession(tpm.esys(), salt_key, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                 nullptr, type, &kAes128Cfb, TPM2_ALG_SHA256, &session);
  }));
  return Transient(tpm, session);
}

}  // namespace

absl::Status SetSessionAttributes(TpmContext& tpm, ESYS_TR session, TPMA_SESSION attributes) {
  constexpr TPMA_SESSION kAll = 0xff;
  return ToStatus(Esys_TRSess_SetAttributes(tpm.esys(), session, attributes, kAll),
                  "attributes of a session");
}

absl::StatusOr<Transient> StartHmacSession(TpmContext& tpm, ESYS_TR salt_key, TPMA_SESSION attributes) {
  ASSIGN_OR_RETURN(Transient session, Start(tpm, salt_key, TPM2_SE_HMAC));
  RETURN_IF_ERROR(SetSessionAttributes(tpm, session.get(), attributes));
  return session;
}

absl::StatusOr<Transient> StartPolicySecretSession(TpmContext& tpm, ESYS_TR entity) {
  ASSIGN_OR_RETURN(Transient session, Start(tpm, ESYS_TR_NONE, TPM2_SE_POLICY));
  RETURN_IF_ERROR(tpm.Run("TPM2_PolicySecret", [&] {
    return Esys_PolicySecret(tpm.esys(), entity, session.get(), ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                             nullptr, nullptr, nullptr, 0, nullptr, nullptr);
  }));
  return session;
}

}  // namespace aziot::keyd::tpm
