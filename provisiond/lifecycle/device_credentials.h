// Keys of devices, modules and enrolments as they lie in the store.
#pragma once

#include <optional>

#include "absl/status/statusor.h"
#include "provisiond/store/devices.h"
#include "provisiond/store/enrollments.h"
#include "provisiond/store/vault.h"
#include "provisiond/verifier/symmetric_key/device_keys.h"

namespace aziot::provisiond {

// Keys a caller brought; what is absent is kept, or generated where there is none yet.
struct WantedKeys {
  std::optional<Secret> primary, secondary;
};

// `owner` is the row id of the device or module.
absl::StatusOr<KeyPair> OpenCredential(const store::Vault& vault, absl::string_view owner,
                                       const Bytes& primary_enc, const Bytes& secondary_enc);
void SealCredential(const store::Vault& vault, absl::string_view owner, const KeyPair& keys,
                    Bytes& primary_enc, Bytes& secondary_enc);
// Seals the wanted keys, and new ones for those that neither the caller nor the row has.
void FillCredential(const store::Vault& vault, absl::string_view owner, const WantedKeys& wanted,
                    Bytes& primary_enc, Bytes& secondary_enc);

absl::StatusOr<KeyPair> OpenEnrollmentKeys(const store::Vault& vault, store::EnrollmentKind kind,
                                           const store::Enrollment& entry);
void FillEnrollmentKeys(const store::Vault& vault, store::EnrollmentKind kind, const WantedKeys& wanted,
                        store::Enrollment& entry);

}  // namespace aziot::provisiond
