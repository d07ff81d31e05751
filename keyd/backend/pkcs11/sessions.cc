#include "keyd/backend/pkcs11/sessions.h"

#include <algorithm>
#include <chrono>

#include "common/log/log.h"
#include "common/status/status_macros.h"
#include "keyd/backend/pkcs11/ckr.h"

namespace aziot::keyd::pkcs11 {
namespace {

constexpr std::chrono::seconds kWaitForSession{10};

}  // namespace

void Sessions::SetToken(CK_FUNCTION_LIST& functions, TokenInfo token) {
  std::lock_guard lock(mutex_);
  functions_ = &functions;
  token_ = std::move(token);
}

void Sessions::Forget(bool close) {
  std::lock_guard lock(mutex_);
  if (close) {
    for (const CK_SESSION_HANDLE session : idle_) functions_->C_CloseSession(session);
    dropped_.insert(dropped_.end(), busy_.begin(), busy_.end());
  } else {
    // Their numbers may soon be those of others.
    dropped_.clear();
  }
  idle_.clear();
  busy_.clear();
  logged_in_ = false;
  returned_.notify_all();
}

absl::StatusOr<Session> Sessions::Take() {
  std::unique_lock lock(mutex_);
  const auto deadline = std::chrono::steady_clock::now() + kWaitForSession;
  for (;;) {
    CK_SESSION_HANDLE handle = CK_INVALID_HANDLE;
    if (!idle_.empty()) {
      handle = idle_.back();
      idle_.pop_back();
    } else {
      auto opened = OpenLocked();
      const bool all_in_use =
          CkrOf(opened.status()) == CKR_SESSION_COUNT && !(busy_.empty() && dropped_.empty());
      if (all_in_use && returned_.wait_until(lock, deadline) != std::cv_status::timeout) continue;
      RETURN_IF_ERROR(opened.status());
      handle = *opened;
    }
    if (!logged_in_) {
      if (const absl::Status status = LoginLocked(handle); !status.ok()) {
        CloseLocked(handle);
        return status;
      }
    }
    busy_.push_back(handle);
    return Session(*functions_, token_.slot, handle);
  }
}

void Sessions::Return(const Session& session, bool usable) {
  std::lock_guard lock(mutex_);
  if (const auto it = std::find(dropped_.begin(), dropped_.end(), session.handle()); it != dropped_.end()) {
    dropped_.erase(it);
    return CloseLocked(session.handle());
  }
  const auto it = std::find(busy_.begin(), busy_.end(), session.handle());
  if (it == busy_.end()) return;  // ended with the module
  busy_.erase(it);
  if (usable) {
    idle_.push_back(session.handle());
  } else {
    CloseLocked(session.handle());
  }
  returned_.notify_one();
}

bool Sessions::pin_refused() const {
  std::lock_guard lock(mutex_);
  return pin_.refused();
}

absl::StatusOr<CK_SESSION_HANDLE> Sessions::OpenLocked() {
  CK_SESSION_HANDLE handle = CK_INVALID_HANDLE;
  RETURN_IF_ERROR(ToStatus(
      functions_->C_OpenSession(token_.slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &handle),
      "C_OpenSession"));
  return handle;
}

void Sessions::CloseLocked(CK_SESSION_HANDLE session) {
  functions_->C_CloseSession(session);
  // PKCS #11 v2.40, 5.6: with its last session an application is logged out.
  if (idle_.empty() && busy_.empty()) logged_in_ = false;
  returned_.notify_one();
}

absl::Status Sessions::LoginLocked(CK_SESSION_HANDLE session) {
  CK_SESSION_INFO info = {};
  RETURN_IF_ERROR(ToStatus(functions_->C_GetSessionInfo(session, &info), "C_GetSessionInfo"));
  if (info.state == CKS_RW_USER_FUNCTIONS || !pin_.exists()) {
    logged_in_ = true;
    return absl::OkStatus();
  }
  // What the token says now, not when it was found: an administrator may have been there.
  ASSIGN_OR_RETURN(token_, InfoOf(*functions_, token_.slot));
  ASSIGN_OR_RETURN(const Secret pin, pin_.ToTry(token_));
  if (pin_.TakeSecondThoughts()) {
    // Some modules read what a PIN is held against once, in C_Initialize.
    return ToStatus(CKR_CRYPTOKI_NOT_INITIALIZED, "before the PIN is tried again");
  }
  pin_.Starts();
  const CK_RV code =
      functions_->C_Login(session, CKU_USER, const_cast<CK_UTF8CHAR*>(pin.Expose().data()), pin.size());
  if (code != CKR_OK && code != CKR_USER_ALREADY_LOGGED_IN) {
    if (!IsPinRefusal(code)) {
      pin_.Failed();
      return ToStatus(code, "C_Login");
    }
    auto after = InfoOf(*functions_, token_.slot);
    pin_.Refused(code, pin, after.ok() ? *after : token_);
    log::Error("token \"{}\": C_Login: {}; it is not tried again with this PIN", token_.label,
               NameOfCkr(code));
    return pin_.ToTry(after.ok() ? *after : token_).status();
  }
  pin_.Accepted();
  logged_in_ = true;
  return absl::OkStatus();
}

}  // namespace aziot::keyd::pkcs11
