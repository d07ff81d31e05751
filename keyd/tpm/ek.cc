#include "keyd/tpm/ek.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_format.h"
#include "common/log/log.h"
#include "common/status/errno_status.h"
#include "common/status/status_macros.h"
#include "keyd/tpm/persistent.h"
#include "keyd/tpm/srk.h"

namespace aziot::keyd::tpm {
namespace {

// PolicySecret of the endorsement hierarchy (TCG EK Credential Profile 2.5, B.3.3).
constexpr std::array<uint8_t, 32> kEkPolicy = {
    0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xB3, 0xF8, 0x1A, 0x90, 0xCC, 0x8D, 0x46, 0xA5, 0xD7, 0x24,
    0xFD, 0x52, 0xD7, 0x6E, 0x06, 0x52, 0x0B, 0x64, 0xF2, 0xA1, 0xDA, 0x1B, 0x33, 0x14, 0x69, 0xAA};

TPM2B_PUBLIC MakeEkTemplate() {
  TPM2B_PUBLIC made{};
  TPMT_PUBLIC& area = made.publicArea;
  area.type = TPM2_ALG_RSA;
  area.nameAlg = TPM2_ALG_SHA256;
  area.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |
                          TPMA_OBJECT_ADMINWITHPOLICY | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT;
  area.authPolicy.size = kEkPolicy.size();
  std::copy(kEkPolicy.begin(), kEkPolicy.end(), area.authPolicy.buffer);
  area.parameters.rsaDetail.symmetric = {
      .algorithm = TPM2_ALG_AES, .keyBits = {.aes = 128}, .mode = {.aes = TPM2_ALG_CFB}};
  area.parameters.rsaDetail.scheme.scheme = TPM2_ALG_NULL;
  area.parameters.rsaDetail.keyBits = 2048;
  area.unique.rsa.size = 256;  // of zeros
  return made;
}

absl::StatusOr<StandardKey> Read(TpmContext& tpm, TPM2_HANDLE handle) {
  ASSIGN_OR_RETURN(const ESYS_TR object, tpm.Persistent(handle));
  ASSIGN_OR_RETURN(const TPM2B_PUBLIC area, ReadPublic(tpm, object));
  return StandardKey{object, area};
}

absl::Status MakeEk(TpmContext& tpm) {
  const absl::StatusOr<Transient> made = CreatePrimary(tpm, ESYS_TR_RH_ENDORSEMENT, EkTemplate());
  if (!made.ok()) return NamePassword(made.status(), "endorsement");
  const absl::Status persisted = NamePassword(Persist(tpm, made->get(), kEkHandle), "owner");
  // Another program was faster: what it has put there is looked at like any other.
  if (ErrorOf(persisted) == TPM2_RC_NV_DEFINED) return absl::OkStatus();
  RETURN_IF_ERROR(persisted);
  log::Info("made an endorsement key at handle 0x{:08x} of the TPM", kEkHandle);
  return absl::OkStatus();
}

absl::Status MakeSrk(TpmContext& tpm) {
  return NamePassword(ResolveStorageKey(tpm, kSrkHandle).status(), "owner");
}

struct Kind {
  const char* name;
  TPM2_HANDLE handle;
  absl::Status (*make)(TpmContext& tpm);
  std::string (*fault_of)(const TPM2B_PUBLIC& area);
};
constexpr Kind kEk{"endorsement key", kEkHandle, MakeEk, FaultOfEk};
constexpr Kind kSrk{"storage root key", kSrkHandle, MakeSrk, FaultOfSrk};

absl::StatusOr<StandardKey> Resolve(TpmContext& tpm, const Kind& kind) {
  absl::StatusOr<StandardKey> key = Read(tpm, kind.handle);
  if (absl::IsNotFound(key.status())) {
    if (const absl::Status made = kind.make(tpm); !made.ok()) {
      return Annotate(made, absl::StrFormat("making the %s at handle 0x%08x", kind.name, kind.handle));
    }
    key = Read(tpm, kind.handle);
  }
  RETURN_IF_ERROR(key.status());
  const std::string fault = kind.fault_of(key->area);
  if (fault.empty()) return key;
  return absl::FailedPreconditionError(
      absl::StrFormat("the object at handle 0x%08x of the TPM is no %s: %s; if no other program needs it, "
                      "`tpm2_evictcontrol -C o -c 0x%08x` makes room for one",
                      kind.handle, kind.name, fault, kind.handle));
}

std::string FaultOfType(const TPMT_PUBLIC& key) {
  if (key.type == TPM2_ALG_RSA || key.type == TPM2_ALG_ECC) return "";
  return absl::StrFormat("its type is 0x%04X, neither RSA nor ECC", key.type);
}

std::string FaultOfAttributes(const TPMT_PUBLIC& key, TPMA_OBJECT set, TPMA_OBJECT clear) {
  if ((key.objectAttributes & (set | clear)) == set) return "";
  return absl::StrFormat("of its attributes, 0x%08X, it should have 0x%08X and not 0x%08X",
                         key.objectAttributes, set, clear);
}

}  // namespace

const TPM2B_PUBLIC& EkTemplate() {
  static const TPM2B_PUBLIC made = MakeEkTemplate();
  return made;
}

absl::Status NamePassword(const absl::Status& status, absl::string_view hierarchy) {
  const TPM2_RC error = ErrorOf(status);
  if (error != TPM2_RC_BAD_AUTH && error != TPM2_RC_AUTH_FAIL) return status;
  return Annotate(status,
                  absl::StrFormat("the password in [hierarchy_authorization] %s is wrong", hierarchy));
}

std::string FaultOfEk(const TPM2B_PUBLIC& area) {
  const TPMT_PUBLIC& key = area.publicArea;
  if (const std::string fault = FaultOfType(key); !fault.empty()) return fault;
  const std::string fault =
      FaultOfAttributes(key, TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT, TPMA_OBJECT_SIGN_ENCRYPT);
  if (!fault.empty()) return fault;
  const bool standard = key.nameAlg == TPM2_ALG_SHA256 && key.authPolicy.size == kEkPolicy.size() &&
                        std::equal(kEkPolicy.begin(), kEkPolicy.end(), key.authPolicy.buffer);
  return standard ? "" : "its policy is not PolicySecret of the endorsement hierarchy with SHA-256";
}

std::string FaultOfSrk(const TPM2B_PUBLIC& area) {
  const TPMT_PUBLIC& key = area.publicArea;
  if (const std::string fault = FaultOfType(key); !fault.empty()) return fault;
  // By password: that is how it is used, also where the administrator's role is asked for
  // (ActivateCredential).
  return FaultOfAttributes(key, TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT | TPMA_OBJECT_USERWITHAUTH,
                           TPMA_OBJECT_SIGN_ENCRYPT | TPMA_OBJECT_ADMINWITHPOLICY);
}

absl::StatusOr<StandardKey> ResolveEk(TpmContext& tpm) { return Resolve(tpm, kEk); }
absl::StatusOr<StandardKey> ResolveSrk(TpmContext& tpm) { return Resolve(tpm, kSrk); }

}  // namespace aziot::keyd::tpm
