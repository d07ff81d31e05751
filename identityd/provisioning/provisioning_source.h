// Where the device gets its identity from: `[provisioning] source`. One implementation a source, listed in
// sources.cc.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "identityd/attestation/device_identity.h"

namespace aziot::identityd {

struct Assignment {
  DeviceIdentity device;
  // What came with the assignment, or "": PEM, a compact JSON document, a word.
  std::string trust_bundle, payload, substatus;
};

class ProvisioningSource {
 public:
  virtual ~ProvisioningSource() = default;

  // `none`: there is no hub, and that is no failure.
  virtual bool has_hub() const { return true; }
  // Whether a device saved under the same fingerprint may stand in for asking the source again.
  virtual bool uses_backup() const { return false; }
  // The settings that decide which device this is, as one opaque text.
  virtual std::string fingerprint() const = 0;
  // What a saved device proves itself with.
  virtual Credential credential() const = 0;

  // Asks the source; may take minutes. Failures of DPS are Party::kDps with Reason::kNetwork or kOther;
  // kUnimplemented for what this version cannot do, kInvalidArgument for a payload file that cannot be read.
  virtual absl::StatusOr<Assignment> Provision() = 0;
  // Ends the running and all later Provision calls soon; any thread.
  virtual void Cancel() {}
};

}  // namespace aziot::identityd
