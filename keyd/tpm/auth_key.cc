#include "keyd/tpm/auth_key.h"

#include <openssl/crypto.h>

#include <algorithm>

#include "absl/strings/str_format.h"
#include "common/log/log.h"
#include "common/status/errno_status.h"
#include "common/status/status_macros.h"
#include "keyd/tpm/challenge_blob.h"
#include "keyd/tpm/esys_ptr.h"
#include "keyd/tpm/persistent.h"
#include "keyd/tpm/session.h"
#include "keyd/tpm/transient.h"

namespace aziot::keyd::tpm {
namespace {

constexpr TPMT_SYM_DEF_OBJECT kAes128Cfb{
    .algorithm = TPM2_ALG_AES, .keyBits = {.aes = 128}, .mode = {.aes = TPM2_ALG_CFB}};

// The key of the inner wrapper; wiped with the object.
struct InnerKey {
  TPM2B_DATA key{};
  InnerKey() = default;
  InnerKey(const InnerKey&) = delete;
  ~InnerKey() { OPENSSL_cleanse(&key, sizeof key); }
};

// Only a TPM that has this EK and this SRK finds it out. It crosses the bus in the clear, but the key that it
// wraps is wrapped to the SRK as well, and that wrapper is opened inside.
absl::Status ActivateCredential(TpmContext& tpm, const StandardKey& ek, const StandardKey& srk,
                                const ChallengeBlob& blob, InnerKey& inner) {
  const absl::StatusOr<Transient> session = StartPolicySecretSession(tpm, ESYS_TR_RH_ENDORSEMENT);
  if (!session.ok()) return NamePassword(session.status(), "endorsement");
  RETURN_IF_ERROR(SetSessionAttributes(tpm, session->get(), TPMA_SESSION_CONTINUESESSION));
  EsysPtr<TPM2B_DIGEST> found;
  RETURN_IF_ERROR(tpm.Run("TPM2_ActivateCredential", [&] {
    return Esys_ActivateCredential(tpm.esys(), srk.object, ek.object, ESYS_TR_PASSWORD, session->get(),
                                   ESYS_TR_NONE, &blob.credential, &blob.credential_seed, EsysOut(found));
  }));
  tpm.WipeAnswer();
  const bool fits = found->size <= sizeof inner.key.buffer;
  if (fits) {
    inner.key.size = found->size;
    std::copy_n(found->buffer, found->size, inner.key.buffer);
  }
  OPENSSL_cleanse(found->buffer, sizeof found->buffer);
  return fits ? absl::OkStatus() : absl::InternalError("the credential holds no AES-128 key");
}

}  // namespace

absl::StatusOr<AuthKey::Wrapped> AuthKey::Unwrap(TpmContext& tpm, const StandardKey& ek,
                                                 const StandardKey& srk, BytesView blob) {
  ASSIGN_OR_RETURN(const ChallengeBlob parsed, ParseChallengeBlob(blob));
  InnerKey inner;
  RETURN_IF_ERROR(ActivateCredential(tpm, ek, srk, parsed, inner));
  EsysPtr<TPM2B_PRIVATE> sensitive;
  RETURN_IF_ERROR(tpm.Run("TPM2_Import", [&] {
    return Esys_Import(tpm.esys(), srk.object, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &inner.key,
                       &parsed.public_area, &parsed.duplicate, &parsed.duplicate_seed, &kAes128Cfb,
                       EsysOut(sensitive));
  }));
  return Wrapped{*sensitive, parsed.public_area};
}

absl::StatusOr<Transient> AuthKey::Load(TpmContext& tpm, ESYS_TR srk, const Wrapped& key) {
  ESYS_TR object = ESYS_TR_NONE;
  RETURN_IF_ERROR(tpm.Run("TPM2_Load", [&] {
    return Esys_Load(tpm.esys(), srk, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &key.sensitive, &key.area,
                     &object);
  }));
  return Transient(tpm, object);
}

absl::Status AuthKey::Import(TpmContext& tpm, const StandardKey& ek, const StandardKey& srk, BytesView blob) {
  tpm.CloseAfterUse();  // the inner key is in ESYS's buffer of commands
  tpm.DropKept();       // two standard keys and a new one need all the room there is
  ASSIGN_OR_RETURN(Wrapped wrapped, Unwrap(tpm, ek, srk, blob));
  ASSIGN_OR_RETURN(const Transient key, Load(tpm, srk.object, wrapped));
  constexpr uint8_t kTrial[] = {0};
  if (const auto hmac = HmacSha256(tpm, key.get(), ESYS_TR_PASSWORD, kTrial); !hmac.ok()) {
    return Annotate(hmac.status(), "the imported key cannot sign");
  }
  // The point of no return: from here the new key counts.
  const absl::Status saved = Replace(tpm, key.get());
  if (saved.ok()) {
    unsaved_.reset();
    log::Info("an authentication key was imported to handle 0x{:08x} of the TPM", handle_);
  } else if (tpm.lost()) {
    return saved;  // it is tried again over a new connection
  } else {
    unsaved_ = wrapped;
    log::Error(
        "the imported authentication key could not be made persistent and lasts until the next start: {}",
        saved);
  }
  return absl::OkStatus();
}

absl::Status AuthKey::Replace(TpmContext& tpm, ESYS_TR key) {
  absl::Status status;
  // The second time for an object that came there in between.
  for (int attempt = 0; attempt < 2; ++attempt) {
    status = Evict(tpm, handle_);
    if (!status.ok()) break;
    status = Persist(tpm, key, handle_);
    if (ErrorOf(status) != TPM2_RC_NV_DEFINED) break;
  }
  return Annotate(NamePassword(status, "owner"), absl::StrFormat("handle 0x%08x", handle_));
}

absl::StatusOr<Hmac> AuthKey::SignWithUnsaved(TpmContext& tpm, BytesView data) {
  ASSIGN_OR_RETURN(const StandardKey srk, ResolveSrk(tpm));
  ASSIGN_OR_RETURN(const Transient key, Load(tpm, srk.object, *unsaved_));
  return HmacSha256(tpm, key.get(), ESYS_TR_PASSWORD, data);
}

absl::StatusOr<std::optional<Hmac>> AuthKey::Sign(TpmContext& tpm, BytesView data) {
  if (unsaved_.has_value()) {
    const absl::StatusOr<Hmac> hmac = SignWithUnsaved(tpm, data);
    if (hmac.ok()) return *hmac;
    if (ErrorOf(hmac.status()) != TPM2_RC_INTEGRITY) return hmac.status();
    log::Warn("the imported authentication key is lost, the TPM's storage root key has changed: {}",
              hmac.status());
    unsaved_.reset();
  }
  const absl::StatusOr<ESYS_TR> object = tpm.Persistent(handle_);
  if (absl::IsNotFound(object.status())) return std::nullopt;
  RETURN_IF_ERROR(object.status());
  const absl::StatusOr<Hmac> hmac = HmacSha256(tpm, *object, ESYS_TR_PASSWORD, data);
  if (hmac.ok()) return *hmac;
  return Annotate(hmac.status(), absl::StrFormat("signing with the object at handle 0x%08x", handle_));
}

}  // namespace aziot::keyd::tpm
