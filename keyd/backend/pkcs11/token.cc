#include "keyd/backend/pkcs11/token.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/status/status_macros.h"

namespace aziot::keyd::pkcs11 {
namespace {

constexpr int kMostFailures = 5;  // of one call
constexpr std::chrono::milliseconds kBetweenLooks{250};
constexpr std::chrono::milliseconds kBetweenInitializations{500};

// The last remedy worth trying: an object that stays unknown to fresh sessions is not there, and who is not
// logged in after a login has no PIN.
Remedy LastFor(CK_RV code) {
  const bool is_minor = RemedyFor(code) == Remedy::kObjects || code == CKR_USER_NOT_LOGGED_IN;
  return is_minor ? Remedy::kSessions : Remedy::kModule;
}

Remedy Next(Remedy remedy) { return static_cast<Remedy>(static_cast<int>(remedy) + 1); }

absl::string_view Advice(const absl::Status& status) {
  const auto code = CkrOf(status);
  if (code == CKR_USER_NOT_LOGGED_IN) return "; add a pin-value or pin-source to the token's pkcs11 URI";
  if (code == CKR_USER_PIN_NOT_INITIALIZED) return "; set the token's user PIN first";
  if (code.has_value() && IsPinRefusal(*code)) return "";
  if (absl::IsUnavailable(status)) return "; it is used again as soon as it is back";
  if (code == CKR_DEVICE_MEMORY) return "; the token is full: remove objects that are no longer needed";
  if (code == CKR_TOKEN_WRITE_PROTECTED || code == CKR_SESSION_READ_ONLY) return "; the token takes no keys";
  if (code.has_value() && IsVague(*code)) return "; the module's own log may say more";
  return "";
}

}  // namespace

Token::~Token() {
  if (ready_) sessions_.Forget(true);
}

absl::Status Token::Run(absl::FunctionRef<absl::Status(Session&)> body) {
  Remedy least = Remedy::kNone;
  absl::Status status;
  int failures = 0;
  for (;;) {
    status = EnsureOpen();
    if (!status.ok()) break;
    uint64_t seen = 0;
    Remedy remedy = Remedy::kNone;
    {
      std::shared_lock lock(calls_);
      seen = generation_;
      if (!ready_) continue;  // somebody began to mend it meanwhile
      absl::StatusOr<Session> session = sessions_.Take();
      status = session.ok() ? body(*session) : session.status();
      if (status.ok()) {
        sessions_.Return(*session, true);
        return status;
      }
      if (const auto code = CkrOf(status)) remedy = RemedyFor(*code);
      if (session.ok()) sessions_.Return(*session, remedy <= Remedy::kObjects);
    }
    if (remedy == Remedy::kNone) break;
    const CK_RV code = *CkrOf(status);
    remedy = std::max(remedy, least);
    if (++failures == kMostFailures || remedy > LastFor(code)) break;
    Mend(remedy, code, seen);
    // With a fresh module what comes next is another trouble.
    least = remedy == Remedy::kModule ? Remedy::kNone : Next(remedy);
  }
  return absl::Status(status.code(), absl::StrCat("token \"", name(), "\" of ", module_path_, ": ",
                                                  status.message(), Advice(status)));
}

absl::Status Token::EnsureOpen() {
  if (ready_) return absl::OkStatus();
  std::lock_guard lock(mending_);
  if (ready_) return absl::OkStatus();
  if (!away_.ok() && Clock::now() < look_again_) return away_;
  const bool was_away = !away_.ok();
  away_ = OpenLocked();
  // What failed may have been a remnant of the trouble that is being mended.
  if (!was_away && !away_.ok() && CkrOf(away_).has_value()) away_ = OpenLocked();
  look_again_ = Clock::now() + kBetweenLooks;
  if (!away_.ok()) {
    if (!was_away) log::Warn("token \"{}\" of {}: {}", name(), module_path_, away_);
    return away_;
  }
  if (was_away) log::Info("token \"{}\" of {} is back", name(), module_path_);
  ++generation_;
  ready_ = true;
  return absl::OkStatus();
}

absl::Status Token::InitializeLocked() {
  if (initialized_) return absl::OkStatus();
  RETURN_IF_ERROR(module_->Initialize());
  initialized_ = true;
  initialized_at_ = Clock::now();
  return absl::OkStatus();
}

void Token::FinalizeLocked() {
  std::unique_lock lock(calls_);
  sessions_.Forget(false);
  module_->Finalize();
  initialized_ = false;
}

absl::Status Token::OpenLocked() {
  if (module_ == nullptr) {
    ASSIGN_OR_RETURN(module_, Module::Load(module_path_));
  }
  const bool was_initialized = initialized_;
  RETURN_IF_ERROR(InitializeLocked());
  absl::StatusOr<TokenInfo> token = FindToken(module_->functions(), wanted_);
  // Some modules look for tokens once, in C_Initialize.
  if (!token.ok() && was_initialized && Clock::now() - initialized_at_ >= kBetweenInitializations) {
    FinalizeLocked();
    RETURN_IF_ERROR(InitializeLocked());
    token = FindToken(module_->functions(), wanted_);
  }
  RETURN_IF_ERROR(token.status());
  sessions_.SetToken(module_->functions(), *std::move(token));
  return absl::OkStatus();
}

void Token::Mend(Remedy remedy, CK_RV code, uint64_t seen) {
  std::lock_guard lock(mending_);
  if (generation_ != seen) return;
  // Nobody else's calls are to suffer again and again for one key that a module cannot cope with.
  if (Clock::now() - initialized_at_ < kBetweenInitializations) remedy = std::min(remedy, RemedyFor(code));
  if (remedy == Remedy::kModule) {
    ready_ = false;
    FinalizeLocked();
  } else if (remedy >= Remedy::kSessions) {
    if (remedy == Remedy::kToken) ready_ = false;
    sessions_.Forget(true);
  }
  ++generation_;
}

}  // namespace aziot::keyd::pkcs11
