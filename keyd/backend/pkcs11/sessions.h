// The open sessions of one token: as many as there are calls at once, kept for the next ones, logged in once.
#pragma once

#include <p11-kit/pkcs11.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "keyd/backend/pkcs11/pin.h"
#include "keyd/backend/pkcs11/session.h"
#include "keyd/backend/pkcs11/slots.h"

namespace aziot::keyd::pkcs11 {

// Thread-safe; but Forget and SetToken come from one thread at a time.
class Sessions {
 public:
  explicit Sessions(Pin pin) : pin_(std::move(pin)) {}

  // Of which token sessions are from now on; those of before are dropped.
  void SetToken(CK_FUNCTION_LIST& functions, TokenInfo token);
  // Drops all sessions, also those in use when they come back. `close`: the module still knows them.
  void Forget(bool close);

  // A session for one call at a time, logged in where there is a PIN. kUnavailable for a PIN that is
  // missing or refused, and when the token gives no more sessions; else what the module says.
  absl::StatusOr<Session> Take();
  // Back from a call; `usable`: nothing was said against the session.
  void Return(const Session& session, bool usable);

  bool pin_refused() const;

 private:
  absl::StatusOr<CK_SESSION_HANDLE> OpenLocked();
  absl::Status LoginLocked(CK_SESSION_HANDLE session);
  void CloseLocked(CK_SESSION_HANDLE session);

  mutable std::mutex mutex_;
  std::condition_variable returned_;
  Pin pin_;
  CK_FUNCTION_LIST* functions_ = nullptr;
  TokenInfo token_;
  std::vector<CK_SESSION_HANDLE> idle_;
  std::vector<CK_SESSION_HANDLE> busy_;
  std::vector<CK_SESSION_HANDLE> dropped_;  // in use still, to be closed when they come back
  bool logged_in_ = false;
};

}  // namespace aziot::keyd::pkcs11
