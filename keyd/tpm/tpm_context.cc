#include "keyd/tpm/tpm_context.h"

#include <openssl/crypto.h>
#include <tss2/tss2_sys.h>

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <mutex>

#include "absl/strings/str_format.h"
#include "common/status/status_macros.h"
#include "keyd/tpm/esys_ptr.h"
#include "keyd/tpm/session.h"

namespace aziot::keyd::tpm {
namespace {

constexpr absl::Duration kFirstPause = absl::Milliseconds(5);
constexpr absl::Duration kLongestPause = absl::Milliseconds(250);
// Shorter than what a flush and a load take at the fastest simulator.
constexpr absl::Duration kTrusted = absl::Microseconds(300);

TSS2_RC SetAuth(ESYS_CONTEXT* esys, ESYS_TR object, const Secret& password) {
  TPM2B_AUTH auth{};
  if (password.size() > sizeof auth.buffer) return TSS2_ESYS_RC_BAD_SIZE;
  auth.size = static_cast<UINT16>(password.size());
  std::copy_n(password.Expose().data(), password.size(), auth.buffer);
  const TSS2_RC rc = Esys_TR_SetAuth(esys, object, &auth);
  OPENSSL_cleanse(&auth, sizeof auth);
  return rc;
}

}  // namespace

Transient::~Transient() {
  if (object_ != ESYS_TR_NONE) context_->Flush(object_);
}

absl::StatusOr<std::unique_ptr<TpmContext>> TpmContext::Open(const TpmOptions& options, Clock& clock) {
  std::unique_ptr<TpmContext> context(new TpmContext(options, clock));
  RETURN_IF_ERROR(context->Initialize(options));
  return context;
}

absl::Status TpmContext::Initialize(const TpmOptions& options) {
  const std::string resolved = ResolveTcti(options.tcti);
  managed_ = HasResourceManager(resolved);
  shared_ = !managed_ && !HasOneUser(resolved);
  const absl::Duration deadline = clock_.Steady() + patience_;
  for (absl::Duration pause = kFirstPause;; pause = std::min(2 * pause, kLongestPause)) {
    absl::StatusOr<std::unique_ptr<Tcti>> opened = options.open(resolved);
    if (opened.ok()) {
      tcti_ = *std::move(opened);
      break;
    }
    if (!IsHeldByAnother(resolved) || clock_.Steady() >= deadline) return opened.status();
    Pause(pause);
  }
  RETURN_IF_ERROR(ToStatus(Esys_Initialize(&esys_, tcti_->context(), nullptr), "Esys_Initialize"));
  RETURN_IF_ERROR(ToStatus(SetAuth(esys_, ESYS_TR_RH_OWNER, options.owner_auth), "password of the owner"));
  return ToStatus(SetAuth(esys_, ESYS_TR_RH_ENDORSEMENT, options.endorsement_auth),
                  "password of the endorsement hierarchy");
}

TpmContext::~TpmContext() {
  DropKept();
  session_ = Transient();
  if (esys_ != nullptr) Esys_Finalize(&esys_);
}

void TpmContext::Pause(absl::Duration time) {
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable never;
  const absl::Duration until = clock_.Steady() + time;
  while (clock_.Steady() < until) clock_.WaitUntil(never, lock, until);
}

TSS2_RC TpmContext::RunUntilAnswered(absl::FunctionRef<TSS2_RC()> call) {
  const absl::Duration deadline = clock_.Steady() + patience_;
  for (absl::Duration pause = kFirstPause;; pause = std::min(2 * pause, kLongestPause)) {
    const TSS2_RC rc = call();
    if (IsFull(rc) && kept_ != nullptr && !kept_in_use_) {
      DropKept();  // ours goes first
      continue;
    }
    if ((!IsBusy(rc) && !IsFull(rc)) || clock_.Steady() >= deadline) return rc;
    Pause(pause);
  }
}

absl::Status TpmContext::Run(absl::string_view command, absl::FunctionRef<TSS2_RC()> call) {
  const TSS2_RC rc = RunUntilAnswered(call);
  // A persistent object we knew may have been evicted.
  const bool stale = ErrorOf(rc) == TPM2_RC_HANDLE && !persistent_.empty();
  if (IsBroken(rc) || IsForgotten(rc)) broken_ = true;
  if (broken_ || stale) lost_ = true;
  return ToStatus(rc, command);
}

absl::StatusOr<ESYS_TR> TpmContext::Persistent(TPM2_HANDLE handle) {
  if (const auto it = persistent_.find(handle); it != persistent_.end()) return it->second;
  ESYS_TR object = ESYS_TR_NONE;
  const TSS2_RC rc = RunUntilAnswered([&] {
    return Esys_TR_FromTPMPublic(esys_, handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &object);
  });
  if (IsBroken(rc)) broken_ = lost_ = true;
  if (ErrorOf(rc) == TPM2_RC_HANDLE) {
    return absl::NotFoundError(absl::StrFormat("the TPM has no object at handle 0x%08x", handle));
  }
  RETURN_IF_ERROR(ToStatus(rc, "TPM2_ReadPublic"));
  persistent_.emplace(handle, object);
  return object;
}

void TpmContext::ForgetPersistent(TPM2_HANDLE handle) {
  const auto it = persistent_.find(handle);
  if (it == persistent_.end()) return;
  Esys_TR_Close(esys_, &it->second);
  persistent_.erase(it);
}

absl::StatusOr<TpmContext::Kept*> TpmContext::Keep(absl::string_view name,
                                                   absl::FunctionRef<absl::StatusOr<Transient>()> load) {
  if (kept_ != nullptr && kept_name_ == name && !kept_in_use_ && shared_ &&
      clock_.Steady() - used_ > kTrusted && !StillOurs(kept_->object.get())) {
    kept_->object.Release();
    kept_.reset();
  }
  if (kept_ == nullptr || kept_name_ != name) {
    DropKept();
    ASSIGN_OR_RETURN(Transient object, load());
    kept_ = std::make_unique<Kept>(Kept{std::move(object), nullptr});
    kept_name_ = std::string(name);
  }
  kept_in_use_ = true;
  return kept_.get();
}

void TpmContext::DropKept() {
  if (kept_ == nullptr) return;
  // Between two uses the TPM may have been reset, and the handle given to someone else's object.
  if (!kept_in_use_ && !broken_ && shared_ && !StillOurs(kept_->object.get())) kept_->object.Release();
  kept_.reset();
  kept_in_use_ = false;
}

void TpmContext::EndUse() {
  kept_in_use_ = false;
  used_ = clock_.Steady();
}

void TpmContext::ForgetComputed() {
  if (kept_ != nullptr) kept_->computed = nullptr;
}

bool TpmContext::StillOurs(ESYS_TR object) {
  EsysPtr<TPM2B_NAME> ours;
  EsysPtr<TPM2B_NAME> present;
  EsysPtr<TPM2B_PUBLIC> area;
  EsysPtr<TPM2B_NAME> qualified;
  TSS2_RC rc = Esys_TR_GetName(esys_, object, EsysOut(ours));
  if (rc != TSS2_RC_SUCCESS) return false;
  rc = Esys_ReadPublic(esys_, object, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, EsysOut(area),
                       EsysOut(present), EsysOut(qualified));
  return rc == TSS2_RC_SUCCESS && ours->size == present->size &&
         std::memcmp(ours->name, present->name, ours->size) == 0;
}

void TpmContext::Flush(ESYS_TR object) {
  if (broken_) return;
  const TSS2_RC rc = RunUntilAnswered([&] { return Esys_FlushContext(esys_, object); });
  if (IsBroken(rc)) broken_ = lost_ = true;
}

absl::StatusOr<ESYS_TR> TpmContext::SaltedSession(ESYS_TR salt_key, TPMA_SESSION attributes) {
  if (session_.empty()) {
    ASSIGN_OR_RETURN(session_, StartHmacSession(*this, salt_key, TPMA_SESSION_CONTINUESESSION));
  }
  RETURN_IF_ERROR(SetSessionAttributes(*this, session_.get(), TPMA_SESSION_CONTINUESESSION | attributes));
  return session_.get();
}

void TpmContext::WipeAnswer() {
  TSS2_SYS_CONTEXT* sys = nullptr;
  size_t size = 0;
  const uint8_t* answer = nullptr;
  if (Esys_GetSysContext(esys_, &sys) != TSS2_RC_SUCCESS ||
      Tss2_Sys_GetRpBuffer(sys, &size, &answer) != TSS2_RC_SUCCESS) {
    lost_ = true;  // closing it frees, and thereby wipes, the buffer
    return;
  }
  OPENSSL_cleanse(const_cast<uint8_t*>(answer), size);
}

}  // namespace aziot::keyd::tpm
