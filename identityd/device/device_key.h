// The handle of the device's key that callers sign with. Remembered for a minute: a handle names a key and
// outlives restarts, so that answering an agent need not ask keyd each time. Thread-safe.
#pragma once

#include <mutex>
#include <string>

#include "absl/status/statusor.h"
#include "common/clock/clock.h"
#include "identityd/attestation/device_identity.h"
#include "identityd/attestation/key_service.h"

namespace aziot::identityd {

class DeviceKey {
 public:
  DeviceKey(KeyService& keys, Clock& clock) : keys_(keys), clock_(clock) {}

  // Party::kKeys when keyd refuses or is not there.
  absl::StatusOr<std::string> Handle(const DeviceIdentity& device);
  // The same from memory alone, or "".
  std::string Known(const DeviceIdentity& device);

 private:
  KeyService& keys_;
  Clock& clock_;
  std::mutex mutex_;
  std::string key_id_;
  std::string handle_;
  absl::Duration since_;
};

}  // namespace aziot::identityd
