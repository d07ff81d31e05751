// How the device proves itself to the cloud: one implementation for each kind of credential. Thread-safe.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "identityd/attestation/device_identity.h"

namespace aziot::identityd {

class Attestation {
 public:
  virtual ~Attestation() = default;

  // The `Authorization` header of one request about `resource`, good for at least `validity`; "" when the
  // credential shows itself in the TLS handshake instead. `key_name` is the `skn` parameter, "" for none. A
  // keyd that is not there is Reason::kNetwork, any other failure kOther, both of Party::kKeys.
  virtual absl::StatusOr<std::string> Authorization(const Credential& credential, absl::string_view resource,
                                                    absl::string_view key_name, absl::Duration validity) = 0;
};

}  // namespace aziot::identityd
