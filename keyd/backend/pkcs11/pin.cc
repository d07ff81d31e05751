#include "keyd/backend/pkcs11/pin.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/files/files.h"
#include "common/status/status_macros.h"
#include "keyd/backend/pkcs11/ckr.h"

namespace aziot::keyd::pkcs11 {
namespace {

constexpr size_t kLongestFile = 4096;
constexpr std::chrono::seconds kLockTriedAgain{60};
// Flags that only an administrator changes. (A clock on the token changes utcTime all the time.)
constexpr CK_FLAGS kAdministered = CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED | CKF_USER_PIN_LOCKED |
                                   CKF_USER_PIN_TO_BE_CHANGED | CKF_LOGIN_REQUIRED;

bool IsLow(const TokenInfo& token) {
  return (token.flags & (CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY)) != 0;
}

bool IsAnother(const TokenInfo& now, const TokenInfo& then) {
  return now.serial != then.serial || now.label != then.label ||
         (now.flags & kAdministered) != (then.flags & kAdministered);
}

}  // namespace

absl::StatusOr<Secret> Pin::Read() const {
  if (!source_.has_value()) return value_->Clone();
  auto content = files::ReadSecret(*source_, kLongestFile);
  if (!content.ok()) {
    return LoginFailed(CKR_PIN_INVALID, absl::StrCat("no PIN: ", content.status().message()));
  }
  absl::string_view text = content->ExposeText();
  if (absl::ConsumeSuffix(&text, "\n")) absl::ConsumeSuffix(&text, "\r");
  return Secret(ToBytesView(text));
}

absl::StatusOr<Secret> Pin::ToTry(const TokenInfo& token) {
  ASSIGN_OR_RETURN(Secret pin, Read());
  if (refused_before_) {
    refused_before_ = false;
    refusal_ = Refusal{"refused", pin.Clone(), token, IsLow(token), false, {}};
  }
  if (!refusal_.has_value()) return pin;
  const bool changed = source_.has_value() && !(pin == refusal_->pin);
  const bool somebody_logged_in = refusal_->count_was_low && !IsLow(token);
  const bool lock_may_have_ended =
      refusal_->is_lock && std::chrono::steady_clock::now() - refusal_->since >= kLockTriedAgain;
  if (changed || somebody_logged_in || lock_may_have_ended || IsAnother(token, refusal_->token)) {
    refusal_.reset();
    second_thoughts_ = true;
    return pin;
  }
  refusal_->count_was_low |= IsLow(token);
  return LoginFailed(
      CKR_PIN_INCORRECT,
      absl::StrCat("the PIN was ", refusal_->reason, "; it is not tried again until ",
                   source_.has_value() ? absl::StrCat("the content of ", *source_, " changes")
                                       : "keyd is restarted with another pin-value",
                   ", the token is initialised again or replaced, or somebody logs in with success"));
}

void Pin::Accepted() {
  Tell(LoginEvent::kAccepted);
  refusal_.reset();
  refused_before_ = false;
}

void Pin::Refused(CK_RV code, const Secret& pin, const TokenInfo& after) {
  Tell(LoginEvent::kRefused);
  refusal_ = Refusal{absl::StrCat("refused (", NameOfCkr(code), ")"),
                     pin.Clone(),
                     after,
                     IsLow(after),
                     code == CKR_PIN_LOCKED,
                     std::chrono::steady_clock::now()};
}

}  // namespace aziot::keyd::pkcs11
