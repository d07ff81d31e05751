#include "keyd/tpm/srk.h"

#include "absl/strings/str_format.h"
#include "common/log/log.h"
#include "common/status/status_macros.h"
#include "keyd/tpm/persistent.h"

namespace aziot::keyd::tpm {
namespace {

constexpr TPMA_OBJECT kStorageAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
                                           TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |
                                           TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT;
constexpr TPMT_SYM_DEF_OBJECT kAes128Cfb{
    .algorithm = TPM2_ALG_AES, .keyBits = {.aes = 128}, .mode = {.aes = TPM2_ALG_CFB}};

TPM2B_PUBLIC MakeSrkTemplate() {
  TPM2B_PUBLIC made{};
  TPMT_PUBLIC& area = made.publicArea;
  area.type = TPM2_ALG_RSA;
  area.nameAlg = TPM2_ALG_SHA256;
  area.objectAttributes = kStorageAttributes;
  area.parameters.rsaDetail.symmetric = kAes128Cfb;
  area.parameters.rsaDetail.scheme.scheme = TPM2_ALG_NULL;
  area.parameters.rsaDetail.keyBits = 2048;
  area.unique.rsa.size = 256;
  return made;
}

TPM2B_PUBLIC MakeEccStorageTemplate() {
  TPM2B_PUBLIC made{};
  TPMT_PUBLIC& area = made.publicArea;
  area.type = TPM2_ALG_ECC;
  area.nameAlg = TPM2_ALG_SHA256;
  area.objectAttributes = kStorageAttributes;
  area.parameters.eccDetail.symmetric = kAes128Cfb;
  area.parameters.eccDetail.scheme.scheme = TPM2_ALG_NULL;
  area.parameters.eccDetail.curveID = TPM2_ECC_NIST_P256;
  area.parameters.eccDetail.kdf.scheme = TPM2_ALG_NULL;
  return made;
}

TPMI_ALG_SYM SymmetricOf(const TPMT_PUBLIC& area) {
  switch (area.type) {
    case TPM2_ALG_RSA:
      return area.parameters.rsaDetail.symmetric.algorithm;
    case TPM2_ALG_ECC:
      return area.parameters.eccDetail.symmetric.algorithm;
    case TPM2_ALG_SYMCIPHER:
      return area.parameters.symDetail.sym.algorithm;
    default:
      return TPM2_ALG_NULL;
  }
}

}  // namespace

const TPM2B_PUBLIC& SrkTemplate() {
  static const TPM2B_PUBLIC made = MakeSrkTemplate();
  return made;
}

const TPM2B_PUBLIC& EccStorageTemplate() {
  static const TPM2B_PUBLIC made = MakeEccStorageTemplate();
  return made;
}

absl::StatusOr<ESYS_TR> ResolveStorageKey(TpmContext& tpm, TPM2_HANDLE handle) {
  absl::StatusOr<ESYS_TR> present = tpm.Persistent(handle);
  if (!absl::IsNotFound(present.status())) return present;
  if (handle != kSrkHandle) {
    return absl::FailedPreconditionError(
        absl::StrFormat("the TPM has no storage key at handle 0x%08x: make it persistent there, or set "
                        "tpm_parent to another",
                        handle));
  }
  ASSIGN_OR_RETURN(const Transient made, CreatePrimary(tpm, ESYS_TR_RH_OWNER, SrkTemplate()));
  const absl::Status persisted = Persist(tpm, made.get(), handle);
  if (persisted.ok()) {
    log::Info("made a storage root key at handle 0x{:08x} of the TPM", handle);
  } else if (ErrorOf(persisted) != TPM2_RC_NV_DEFINED) {  // another program was faster: use its
    return persisted;
  }
  return tpm.Persistent(handle);
}

absl::Status CheckStorageKey(const TPM2B_PUBLIC& area, TPM2_HANDLE handle) {
  const TPMA_OBJECT attributes = area.publicArea.objectAttributes;
  const char* wrong = nullptr;
  if ((attributes & TPMA_OBJECT_DECRYPT) == 0) {
    wrong = "it is not for decryption";
  } else if ((attributes & TPMA_OBJECT_RESTRICTED) == 0) {
    wrong = "it is not restricted";
  } else if (SymmetricOf(area.publicArea) == TPM2_ALG_NULL) {
    wrong = "it has no symmetric algorithm";
  }
  if (wrong == nullptr) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrFormat("the object at handle 0x%08x of the TPM is no storage key: %s", handle, wrong));
}

}  // namespace aziot::keyd::tpm
