// One token and all that may happen to it: pulled, put back in another slot, its sessions wiped, its module
// in disorder. Run repeats what failed for such a reason once the reason is gone, within the call where it
// can.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "common/uri/uri.h"
#include "keyd/backend/pkcs11/ckr.h"
#include "keyd/backend/pkcs11/module.h"
#include "keyd/backend/pkcs11/sessions.h"

namespace aziot::keyd::pkcs11 {

// Thread-safe.
class Token {
 public:
  Token(std::string module_path, uri::Pkcs11Uri wanted, Pin pin)
      : module_path_(std::move(module_path)), wanted_(std::move(wanted)), sessions_(std::move(pin)) {}
  ~Token();

  // Calls `body` with a session of its own, again after each remedy for what it failed with, so it must be
  // fit for repetition. What is left in the end names the token. Nothing is opened before the first call.
  absl::Status Run(absl::FunctionRef<absl::Status(Session&)> body);

  // Object handles found under an earlier generation may be void.
  uint64_t generation() const { return generation_; }
  std::string name() const { return NameOf(wanted_); }
  bool pin_refused() const { return sessions_.pin_refused(); }

 private:
  using Clock = std::chrono::steady_clock;

  absl::Status EnsureOpen();
  absl::Status OpenLocked();
  absl::Status InitializeLocked();
  void FinalizeLocked();
  // `seen` is the generation that failed: nothing is done when somebody else has mended since. For a `code`
  // that needs less, the module is initialized anew only every so often.
  void Mend(Remedy remedy, CK_RV code, uint64_t seen);

  const std::string module_path_;
  const uri::Pkcs11Uri wanted_;
  // Whoever opens or mends; taken before `calls_`.
  std::mutex mending_;
  // Shared by every call of the module, exclusive for C_Finalize.
  std::shared_mutex calls_;
  std::unique_ptr<Module> module_;
  bool initialized_ = false;
  Clock::time_point initialized_at_;
  absl::Status away_;  // why the token cannot be used, until `look_again_`
  Clock::time_point look_again_;
  Sessions sessions_;
  std::atomic<uint64_t> generation_ = 1;
  std::atomic<bool> ready_ = false;  // initialized, and the token found
};

}  // namespace aziot::keyd::pkcs11
