// The user PIN of a token, and the memory that it was refused: a PIN that is wrong must not be tried until
// the token locks itself.
#pragma once

#include <p11-kit/pkcs11.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "common/bytes/secret.h"
#include "keyd/backend/pkcs11/slots.h"

namespace aziot::keyd::pkcs11 {

enum class LoginEvent {
  kStarts,  // C_Login is about to be called: every attempt may be the one that locks the token
  kAccepted,
  kRefused,
  kFailed,  // for another reason than the PIN
};

// Not thread-safe.
class Pin {
 public:
  // `source` is a file that holds the PIN, read at each login; it beats `value`. Neither: no login.
  // `refused_before`: as if Refused had been called, with what is known at the first MayTry.
  // `observe` is told of every login, so that the memory can outlive the process.
  Pin(std::optional<Secret> value, std::optional<std::string> source, bool refused_before,
      std::function<void(LoginEvent)> observe)
      : value_(std::move(value)),
        source_(std::move(source)),
        refused_before_(refused_before),
        observe_(std::move(observe)) {}

  bool exists() const { return value_.has_value() || source_.has_value(); }
  // The PIN to log in with now. kUnavailable when its file cannot be read, and while a refusal counts:
  // until the file's content changes, the token is another or was initialised again, or somebody logged in
  // with success (CKF_USER_PIN_COUNT_LOW, once set, is clear). A PIN that was not looked at because the token
  // was locked is tried again after a minute: a TPM's lockout ends by itself.
  absl::StatusOr<Secret> ToTry(const TokenInfo& token);
  // Whether a refusal ceased to count since the last call: the module should look afresh before a new
  // attempt.
  bool TakeSecondThoughts() { return std::exchange(second_thoughts_, false); }
  // Around C_Login with what ToTry gave.
  void Starts() const { Tell(LoginEvent::kStarts); }
  void Accepted();
  void Failed() const { Tell(LoginEvent::kFailed); }
  // `after` is what the token says since.
  void Refused(CK_RV code, const Secret& pin, const TokenInfo& after);
  bool refused() const { return refused_before_ || refusal_.has_value(); }

 private:
  struct Refusal {
    std::string reason;
    Secret pin;
    TokenInfo token;
    bool count_was_low;
    bool is_lock;
    std::chrono::steady_clock::time_point since;
  };
  absl::StatusOr<Secret> Read() const;
  void Tell(LoginEvent event) const {
    if (observe_) observe_(event);
  }

  std::optional<Secret> value_;
  std::optional<std::string> source_;
  bool refused_before_;
  std::function<void(LoginEvent)> observe_;
  std::optional<Refusal> refusal_;
  bool second_thoughts_ = false;
};

}  // namespace aziot::keyd::pkcs11
