// What the TPM does for a device that proves itself by it: names itself by two public keys, takes a key that
// was wrapped to them, and signs with it.
#pragma once

#include <mutex>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/bytes/bytes.h"
#include "keyd/tpm/auth_key.h"
#include "keyd/tpm/hmac.h"
#include "keyd/tpm/tpm.h"

namespace aziot::keyd::tpm {

// Thread-safe. Nothing is remembered of the keys but where they are: a TPM that was cleared is served anew.
class Attestation {
 public:
  // `tpm` must outlive it.
  Attestation(Tpm& tpm, TPM2_HANDLE auth_key) : tpm_(tpm), auth_key_(auth_key) {}

  // Marshalled TPM2B_PUBLIC of the endorsement key and of the storage root key. Missing ones are made.
  struct PublicKeys {
    Bytes endorsement_key;
    Bytes storage_root_key;
  };
  absl::StatusOr<PublicKeys> Keys();

  // kInvalidArgument when `blob` is no key; what the TPM says when it is none for this TPM. The earlier key
  // stays then.
  absl::Status Import(BytesView blob);

  // HMAC-SHA256 with the imported key; nothing when there is none.
  absl::StatusOr<std::optional<Hmac>> Sign(BytesView data);

  // OK once Keys has succeeded; else why it has not.
  absl::Status Ready() const;

 private:
  Tpm& tpm_;
  AuthKey auth_key_;  // guarded by tpm_.Use
  mutable std::mutex mutex_;
  absl::Status ready_ = absl::UnavailableError("the TPM has not been asked yet");
};

}  // namespace aziot::keyd::tpm
