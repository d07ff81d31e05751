// Attestation with a symmetric key that stays in keyd: shared access signatures (cloud-protocols.md, section
// 4).
#pragma once

#include "common/clock/clock.h"
#include "identityd/attestation/attestation.h"
#include "identityd/attestation/key_service.h"

namespace aziot::identityd {

class SymmetricKeyAttestation final : public Attestation {
 public:
  SymmetricKeyAttestation(KeyService& keys, Clock& clock) : keys_(keys), clock_(clock) {}

  absl::StatusOr<std::string> Authorization(const Credential& credential, absl::string_view resource,
                                            absl::string_view key_name, absl::Duration validity) override;

 private:
  KeyService& keys_;
  Clock& clock_;
};

}  // namespace aziot::identityd
