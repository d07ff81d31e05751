// An open connection to the TPM, for one user at a time: ESYS over a TCTI, retries, and what is kept in the
// TPM between two uses. Tpm::Use hands it out.
#pragma once

#include <tss2/tss2_esys.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "common/bytes/secret.h"
#include "common/clock/clock.h"
#include "keyd/tpm/rc.h"
#include "keyd/tpm/tcti.h"
#include "keyd/tpm/transient.h"

namespace aziot::keyd::tpm {

using OpenTctiFunction = std::function<absl::StatusOr<std::unique_ptr<Tcti>>(const std::string& resolved)>;

struct TpmOptions {
  std::string tcti = "device";  // as Tss2_TctiLdr_Initialize takes it
  Secret owner_auth;            // of the owner hierarchy; at most 64 bytes
  Secret endorsement_auth;      // of the endorsement hierarchy
  // Unused for so long, the TPM is let go; behind a resource manager only what was unsealed is forgotten.
  absl::Duration idle = absl::Milliseconds(250);
  // In constant use the same happens so often: other programs wait for their turn.
  absl::Duration longest_hold = absl::Seconds(1);
  // Unused for so long, it is let go behind a resource manager, too.
  absl::Duration managed_idle = absl::Seconds(30);
  // With a TPM that answers "later", that is full, or that another program holds.
  absl::Duration patience = absl::Seconds(3);
  OpenTctiFunction open = OpenTcti;
};

class TpmContext {
 public:
  static absl::StatusOr<std::unique_ptr<TpmContext>> Open(const TpmOptions& options, Clock& clock);
  TpmContext(const TpmContext&) = delete;
  TpmContext& operator=(const TpmContext&) = delete;
  // Flushes what was loaded.
  ~TpmContext();

  ESYS_CONTEXT* esys() const { return esys_; }
  // Others cannot see or flush our transient objects.
  bool has_resource_manager() const { return managed_; }

  // Runs one command, named as in the standard, again while the TPM answers "later" or is full, for a bounded
  // time.
  absl::Status Run(absl::string_view command, absl::FunctionRef<TSS2_RC()> call);

  // The object at a persistent handle; kNotFound when there is none. Its password is set with
  // Esys_TR_SetAuth.
  absl::StatusOr<ESYS_TR> Persistent(TPM2_HANDLE handle);
  // After EvictControl: what is known of the handle is out of date.
  void ForgetPersistent(TPM2_HANDLE handle);

  // One object stays loaded, with what was computed from it, until another takes its place or the TPM is let
  // go. The kept one when it has that name (anything that tells objects apart), else what `load` loads. It is
  // looked at again after a pause when other programs could have flushed it and put theirs in its place.
  struct Kept {
    Transient object;
    std::shared_ptr<const void> computed;  // what was unsealed: forgotten earlier than the object
  };
  absl::StatusOr<Kept*> Keep(absl::string_view name, absl::FunctionRef<absl::StatusOr<Transient>()> load);
  void DropKept();

  // An HMAC session that stays as long as the connection, salted to `salt_key` (a storage key) when it is
  // started; `attributes` hold for the next command. It authorizes with the password of what is used, covers
  // the names of all objects, and so refuses when another program has put its object where ours was.
  absl::StatusOr<ESYS_TR> SaltedSession(ESYS_TR salt_key, TPMA_SESSION attributes);

  // The answer in ESYS's buffer held a secret.
  void WipeAnswer();

  // ESYS keeps a copy of a secret it was given: the connection is closed after this use.
  void CloseAfterUse() { close_after_use_ = true; }

  // Nothing of it can be used any more: Tpm::Use connects anew, and runs its work once more.
  bool lost() const { return lost_; }
  void Lose() { lost_ = true; }

 private:
  friend class Tpm;
  friend class Transient;

  TpmContext(const TpmOptions& options, Clock& clock) : patience_(options.patience), clock_(clock) {}
  absl::Status Initialize(const TpmOptions& options);
  TSS2_RC RunUntilAnswered(absl::FunctionRef<TSS2_RC()> call);
  void Pause(absl::Duration time);
  void StartUse() { kept_in_use_ = false; }
  void EndUse();
  void Flush(ESYS_TR object);
  bool StillOurs(ESYS_TR object);
  void ForgetComputed();

  const absl::Duration patience_;
  Clock& clock_;
  bool managed_ = false;
  bool shared_ = false;  // others may flush what we loaded
  bool lost_ = false;    // see lost()
  bool broken_ = false;  // the TPM cannot be reached over it any more, or has forgotten what was loaded
  bool close_after_use_ = false;
  std::unique_ptr<Tcti> tcti_;
  ESYS_CONTEXT* esys_ = nullptr;
  std::map<TPM2_HANDLE, ESYS_TR> persistent_;
  std::string kept_name_;
  std::unique_ptr<Kept> kept_;
  bool kept_in_use_ = false;
  absl::Duration used_;
  Transient session_;
};

}  // namespace aziot::keyd::tpm
