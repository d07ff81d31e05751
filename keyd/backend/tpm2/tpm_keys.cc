#include "keyd/backend/tpm2/tpm_keys.h"

#include <openssl/crypto.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/openssl/digest.h"
#include "common/status/status_macros.h"
#include "keyd/backend/tpm2/ecdsa_value.h"
#include "keyd/backend/tpm2/key_templates.h"
#include "keyd/tpm/dead_stack.h"
#include "keyd/tpm/esys_ptr.h"
#include "keyd/tpm/hmac.h"
#include "keyd/tpm/persistent.h"
#include "keyd/tpm/srk.h"

namespace aziot::keyd::tpm2 {
namespace {

using tpm::EsysOut;
using tpm::EsysPtr;
using tpm::TpmContext;
using tpm::Transient;

constexpr size_t kLongestHmacMessage = 1024;  // in one command

// A structure of the TPM's that holds a secret.
template <class T>
struct Wiped {
  T value{};
  ~Wiped() { OPENSSL_cleanse(&value, sizeof value); }
};

// A format-one error about parameter `number` of the command.
bool IsAboutParameter(const absl::Status& status, int number) {
  const TSS2_RC rc = tpm::RcOf(status);
  return tpm::ErrorOf(rc) != TSS2_RC_SUCCESS && (rc & TPM2_RC_FMT1) != 0 && (rc & TPM2_RC_P) != 0 &&
         (rc >> 8 & 0xf) == static_cast<TSS2_RC>(number);
}

bool IsWrongPassword(const absl::Status& status) {
  const TPM2_RC error = tpm::ErrorOf(status);
  return error == TPM2_RC_AUTH_FAIL || error == TPM2_RC_BAD_AUTH;
}

absl::Status WithCode(absl::StatusCode code, const absl::Status& status, absl::string_view before) {
  return absl::Status(code, absl::StrCat(before, status.message()));
}

// The digest and the name of its hash as the TPM demands them of each other: a P-256 key signs the leftmost
// 32 bytes, or the number that fewer are (FIPS 186-5, 6.4.1).
absl::StatusOr<TPMI_ALG_HASH> FitDigest(TPMI_ECC_CURVE curve, BytesView digest, TPM2B_DIGEST& fitted) {
  size_t size = 32;
  TPMI_ALG_HASH hash = TPM2_ALG_SHA256;
  if (curve != TPM2_ECC_NIST_P256 && digest.size() > 32) {
    hash = digest.size() == 48 ? TPM2_ALG_SHA384 : TPM2_ALG_SHA512;
    size = digest.size();
    if (size != 48 && size != 64) {
      return absl::UnimplementedError("the TPM signs digests of 48 or 64 bytes on this curve");
    }
  }
  const BytesView used = digest.first(std::min(size, digest.size()));
  fitted.size = static_cast<UINT16>(size);
  std::copy(used.begin(), used.end(), fitted.buffer + (size - used.size()));
  return hash;
}

absl::Status CheckName(TpmContext& tpm, ESYS_TR object, const TpmKey& key) {
  ASSIGN_OR_RETURN(const TPM2B_PUBLIC area, tpm::ReadPublic(tpm, object));
  ASSIGN_OR_RETURN(const auto present, TpmKey::AtHandle(key.handle(), area));
  if (present->name() == key.name()) return absl::OkStatus();
  return absl::AbortedError(
      absl::StrFormat("there is another key at handle 0x%08x of the TPM than before", key.handle()));
}

}  // namespace

absl::StatusOr<ESYS_TR> TpmKeys::OurParent(TpmContext& tpm) {
  if (!refused_.ok()) return refused_;
  const absl::StatusOr<ESYS_TR> resolved = tpm::ResolveStorageKey(tpm, parent_);
  if (IsWrongPassword(resolved.status())) {
    return WithCode(absl::StatusCode::kFailedPrecondition, resolved.status(),
                    "the TPM refuses the owner's password to make a storage root key: set tpm_owner_auth: ");
  }
  RETURN_IF_ERROR(resolved.status());
  const ESYS_TR parent = *resolved;
  if (!parent_checked_) {
    ASSIGN_OR_RETURN(const TPM2B_PUBLIC area, tpm::ReadPublic(tpm, parent));
    RETURN_IF_ERROR(tpm::CheckStorageKey(area, parent_));
    parent_checked_ = true;
  }
  if (!parent_auth_.empty()) {
    Wiped<TPM2B_AUTH> auth;
    auth.value.size = static_cast<UINT16>(parent_auth_.size());
    if (parent_auth_.size() > sizeof auth.value.buffer) {
      return absl::FailedPreconditionError("tpm_parent_auth is longer than 64 bytes");
    }
    std::copy_n(parent_auth_.Expose().data(), parent_auth_.size(), auth.value.buffer);
    RETURN_IF_ERROR(tpm::ToStatus(Esys_TR_SetAuth(tpm.esys(), parent, &auth.value), "tpm_parent_auth"));
  }
  return parent;
}

// A password is not shown to the bus; an empty one may be.
absl::StatusOr<ESYS_TR> TpmKeys::ParentSession(TpmContext& tpm, ESYS_TR parent, TPMA_SESSION attributes) {
  if (parent_auth_.empty() && attributes == 0) return ESYS_TR_PASSWORD;
  return tpm.SaltedSession(parent, attributes);
}

absl::Status TpmKeys::ExplainParent(const absl::Status& status) {
  if (!IsWrongPassword(status)) return status;
  const absl::Status explained = absl::FailedPreconditionError(absl::StrFormat(
      "the TPM refuses the password of its storage key 0x%08x: set tpm_parent_auth and restart (%s)", parent_,
      status.message()));
  if (tpm::ErrorOf(status) == TPM2_RC_AUTH_FAIL) refused_ = explained;
  return explained;
}

absl::StatusOr<Tss2Key> TpmKeys::Create(const TPM2B_PUBLIC& key_template, BytesView sensitive) {
  Tss2Key key{.parent = parent_};
  const absl::Status status = tpm_->Use([&](TpmContext& tpm) -> absl::Status {
    Wiped<TPM2B_SENSITIVE_CREATE> given;
    TPM2B_SENSITIVE_DATA& data = given.value.sensitive.data;
    data.size = static_cast<UINT16>(sensitive.size());
    std::copy(sensitive.begin(), sensitive.end(), data.buffer);
    ASSIGN_OR_RETURN(const ESYS_TR parent, OurParent(tpm));
    ASSIGN_OR_RETURN(const ESYS_TR session,
                     ParentSession(tpm, parent, sensitive.empty() ? 0 : TPMA_SESSION_DECRYPT));
    if (!sensitive.empty()) tpm.CloseAfterUse();
    const TPM2B_DATA outside{};
    const TPML_PCR_SELECTION pcrs{};
    EsysPtr<TPM2B_PRIVATE> wrapped;
    EsysPtr<TPM2B_PUBLIC> area;
    const absl::Status created = tpm.Run("TPM2_Create", [&] {
      EsysPtr<TPM2B_CREATION_DATA> creation;
      EsysPtr<TPM2B_DIGEST> hash;
      EsysPtr<TPMT_TK_CREATION> ticket;
      return Esys_Create(tpm.esys(), parent, session, ESYS_TR_NONE, ESYS_TR_NONE, &given.value, &key_template,
                         &outside, &pcrs, EsysOut(wrapped), EsysOut(area), EsysOut(creation), EsysOut(hash),
                         EsysOut(ticket));
    });
    if (IsAboutParameter(created, 2)) {  // inPublic
      return WithCode(absl::StatusCode::kUnimplemented, created, "this TPM makes no such keys: ");
    }
    RETURN_IF_ERROR(ExplainParent(created));
    key.area = *area;
    key.wrapped = *wrapped;
    return absl::OkStatus();
  });
  if (!sensitive.empty()) tpm::WipeDeadStack();
  RETURN_IF_ERROR(status);
  return key;
}

absl::StatusOr<Tss2Key> TpmKeys::CreatePair(KeyAlgorithm algorithm) {
  return Create(PairTemplate(algorithm), {});
}

absl::StatusOr<Tss2Key> TpmKeys::CreateHmacKey() { return Create(HmacTemplate(Origin::kTpm), {}); }

absl::StatusOr<Tss2Key> TpmKeys::ImportHmacKey(BytesView bytes) {
  if (bytes.size() <= kMostHmacKeyBytes) return Create(HmacTemplate(Origin::kGiven), bytes);
  // RFC 2104, 2: what HMAC itself makes of a key that is longer than a block.
  const auto digest = openssl::Sha256(bytes);
  return Create(HmacTemplate(Origin::kGiven), digest);
}

absl::StatusOr<Tss2Key> TpmKeys::Seal(BytesView bytes) {
  ASSIGN_OR_RETURN(Tss2Key key, Create(SealTemplate(), bytes));
  key.type = Tss2Key::Type::kSealed;
  return key;
}

absl::StatusOr<Transient> TpmKeys::Load(TpmContext& tpm, const TpmKey& key) {
  Transient primary;
  ESYS_TR parent = ESYS_TR_NONE;
  ESYS_TR session = ESYS_TR_PASSWORD;
  if (key.file().parent == TPM2_RH_OWNER) {
    ASSIGN_OR_RETURN(primary, tpm::CreatePrimary(tpm, ESYS_TR_RH_OWNER, tpm::EccStorageTemplate()));
    parent = primary.get();
  } else if (key.file().parent == parent_) {
    ASSIGN_OR_RETURN(parent, OurParent(tpm));
    ASSIGN_OR_RETURN(session, ParentSession(tpm, parent, 0));
  } else {
    ASSIGN_OR_RETURN(parent, tpm::ResolveStorageKey(tpm, key.file().parent));
  }
  ESYS_TR object = ESYS_TR_NONE;
  const absl::Status loaded = tpm.Run("TPM2_Load", [&] {
    return Esys_Load(tpm.esys(), parent, session, ESYS_TR_NONE, ESYS_TR_NONE, &key.file().wrapped,
                     &key.file().area, &object);
  });
  if (IsAboutParameter(loaded, 1)) {  // inPrivate: its wrapping does not check
    key.SetProven(false);
    return WithCode(absl::StatusCode::kFailedPrecondition, loaded,
                    "the key belongs to another TPM, or this one was cleared since it was made: ");
  }
  RETURN_IF_ERROR(ExplainParent(loaded));
  key.SetProven(true);
  return Transient(tpm, object);
}

absl::Status TpmKeys::With(const TpmKey& key, Work work) {
  return tpm_->Use([&](TpmContext& tpm) -> absl::Status {
    if (const auto refused = refused_keys_.find(key.name()); refused != refused_keys_.end()) {
      return refused->second;
    }
    ASSIGN_OR_RETURN(const ESYS_TR object, Bring(tpm, key));
    const absl::Status status = work(tpm, object);
    if (!IsWrongPassword(status)) return status;
    const absl::Status explained =
        WithCode(absl::StatusCode::kFailedPrecondition, status, "the key has a password of its own: ");
    if (tpm::ErrorOf(status) == TPM2_RC_AUTH_FAIL) refused_keys_.emplace(key.name(), explained);
    return explained;
  });
}

absl::StatusOr<ESYS_TR> TpmKeys::Bring(TpmContext& tpm, const TpmKey& key) {
  if (key.handle() == 0) {
    ASSIGN_OR_RETURN(const TpmContext::Kept* kept, tpm.Keep(key.name(), [&] { return Load(tpm, key); }));
    return kept->object.get();
  }
  ASSIGN_OR_RETURN(const ESYS_TR object, tpm.Persistent(key.handle()));
  // Keep calls it once as long as the TPM is held.
  const auto check = [&]() -> absl::StatusOr<Transient> {
    RETURN_IF_ERROR(CheckName(tpm, object, key));
    key.SetProven(true);
    return Transient();
  };
  RETURN_IF_ERROR(tpm.Keep(key.name(), check).status());
  return object;
}

absl::Status TpmKeys::Prove(const TpmKey& key) {
  return With(key, [](TpmContext&, ESYS_TR) { return absl::OkStatus(); });
}

absl::StatusOr<Bytes> TpmKeys::Sign(const TpmKey& key, BytesView digest) {
  TPM2B_DIGEST fitted{};
  ASSIGN_OR_RETURN(const TPMI_ALG_HASH hash,
                   FitDigest(key.area().parameters.eccDetail.curveID, digest, fitted));
  const TPMT_SIG_SCHEME scheme{.scheme = TPM2_ALG_ECDSA, .details = {.ecdsa = {.hashAlg = hash}}};
  const TPMT_TK_HASHCHECK no_ticket{.tag = TPM2_ST_HASHCHECK, .hierarchy = TPM2_RH_NULL};
  Bytes value;
  RETURN_IF_ERROR(With(key, [&](TpmContext& tpm, ESYS_TR object) -> absl::Status {
    EsysPtr<TPMT_SIGNATURE> signature;
    RETURN_IF_ERROR(tpm.Run("TPM2_Sign", [&] {
      return Esys_Sign(tpm.esys(), object, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &fitted, &scheme,
                       &no_ticket, EsysOut(signature));
    }));
    const TPMS_SIGNATURE_ECDSA& numbers = signature->signature.ecdsa;
    value = FormatEcdsaValue({numbers.signatureR.buffer, numbers.signatureR.size},
                             {numbers.signatureS.buffer, numbers.signatureS.size});
    return absl::OkStatus();
  }));
  return value;
}

absl::StatusOr<Bytes> TpmKeys::RsaPrivate(const TpmKey& key, BytesView input) {
  TPM2B_PUBLIC_KEY_RSA cipher{};
  if (input.size() > sizeof cipher.buffer)
    return absl::InternalError("longer than the TPM's largest modulus");
  cipher.size = static_cast<UINT16>(input.size());
  std::copy(input.begin(), input.end(), cipher.buffer);
  const TPMT_RSA_DECRYPT raw{.scheme = TPM2_ALG_NULL};
  const TPM2B_DATA no_label{};
  Bytes output;
  RETURN_IF_ERROR(With(key, [&](TpmContext& tpm, ESYS_TR object) -> absl::Status {
    EsysPtr<TPM2B_PUBLIC_KEY_RSA> message;
    RETURN_IF_ERROR(tpm.Run("TPM2_RSA_Decrypt", [&] {
      return Esys_RSA_Decrypt(tpm.esys(), object, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &cipher, &raw,
                              &no_label, EsysOut(message));
    }));
    if (message->size > input.size()) return absl::InternalError("TPM2_RSA_Decrypt: more than the modulus");
    output.assign(input.size() - message->size, 0);
    output.insert(output.end(), message->buffer, message->buffer + message->size);
    return absl::OkStatus();
  }));
  return output;
}

absl::StatusOr<Mac> TpmKeys::Hmac(const TpmKey& key, BytesView message) {
  Mac mac{};
  RETURN_IF_ERROR(With(key, [&](TpmContext& tpm, ESYS_TR object) -> absl::Status {
    ASSIGN_OR_RETURN(mac, tpm::HmacSha256(tpm, object, ESYS_TR_PASSWORD, message));
    return absl::OkStatus();
  }));
  return mac;
}

absl::StatusOr<Secret> TpmKeys::Derive(const TpmKey& key, BytesView data) {
  Secret derived;
  const absl::Status status = With(key, [&](TpmContext& tpm, ESYS_TR object) -> absl::Status {
    ESYS_TR session = ESYS_TR_PASSWORD;
    if (data.size() <= kLongestHmacMessage) {
      ASSIGN_OR_RETURN(const ESYS_TR parent, OurParent(tpm));
      ASSIGN_OR_RETURN(session, tpm.SaltedSession(parent, TPMA_SESSION_ENCRYPT));
    }
    Wiped<Mac> mac;
    ASSIGN_OR_RETURN(mac.value, tpm::HmacSha256(tpm, object, session, data));
    derived = Secret(BytesView(mac.value));
    return absl::OkStatus();
  });
  tpm::WipeDeadStack();
  RETURN_IF_ERROR(status);
  return derived;
}

absl::StatusOr<std::shared_ptr<const MemoryKey>> TpmKeys::Unseal(const TpmKey& key) {
  std::shared_ptr<const MemoryKey> unsealed;
  const absl::Status status = With(key, [&](TpmContext& tpm, ESYS_TR object) -> absl::Status {
    ASSIGN_OR_RETURN(TpmContext::Kept * kept, tpm.Keep(key.name(), [] { return Transient(); }));
    if (kept->computed == nullptr) {
      ASSIGN_OR_RETURN(const ESYS_TR parent, OurParent(tpm));
      ASSIGN_OR_RETURN(const ESYS_TR session, tpm.SaltedSession(parent, TPMA_SESSION_ENCRYPT));
      EsysPtr<TPM2B_SENSITIVE_DATA> data;
      RETURN_IF_ERROR(tpm.Run("TPM2_Unseal", [&] {
        return Esys_Unseal(tpm.esys(), object, session, ESYS_TR_NONE, ESYS_TR_NONE, EsysOut(data));
      }));
      kept->computed = std::make_shared<const MemoryKey>(Secret(BytesView(data->buffer, data->size)));
      OPENSSL_cleanse(data.get(), sizeof *data);
      tpm.WipeAnswer();
    }
    unsealed = std::static_pointer_cast<const MemoryKey>(kept->computed);
    return absl::OkStatus();
  });
  tpm::WipeDeadStack();
  RETURN_IF_ERROR(status);
  return unsealed;
}

absl::StatusOr<std::shared_ptr<const TpmKey>> TpmKeys::ReadHandle(TPM2_HANDLE handle) {
  std::shared_ptr<const TpmKey> key;
  RETURN_IF_ERROR(tpm_->Use([&](TpmContext& tpm) -> absl::Status {
    ASSIGN_OR_RETURN(const ESYS_TR object, tpm.Persistent(handle));
    ASSIGN_OR_RETURN(const TPM2B_PUBLIC area, tpm::ReadPublic(tpm, object));
    ASSIGN_OR_RETURN(key, TpmKey::AtHandle(handle, area));
    key->SetProven(true);
    return absl::OkStatus();
  }));
  return key;
}

}  // namespace aziot::keyd::tpm2
