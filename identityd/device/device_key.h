// The handle of the device's key that callers sign with. A handle names a key and outlives restarts of keyd,
// so what is known is answered at once, and asked for again behind the answer when it is older than a minute.
// Thread-safe.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "common/clock/clock.h"
#include "identityd/attestation/device_identity.h"
#include "identityd/attestation/key_service.h"

namespace aziot::identityd {

class DeviceKey {
 public:
  DeviceKey(KeyService& keys, Clock& clock);
  ~DeviceKey();

  // Party::kKeys when it is not known, and keyd refuses or is not there.
  absl::StatusOr<std::string> Handle(const DeviceIdentity& device);
  // From memory alone, or "". A handle that keyd refuses is forgotten; while keyd is away or unwell it stays.
  std::string Known(const DeviceIdentity& device);

 private:
  void RefreshLoop();

  KeyService& keys_;
  Clock& clock_;
  std::mutex mutex_;
  std::condition_variable work_;
  std::string key_id_;
  std::string handle_;
  absl::Duration since_;
  bool refresh_ = false;
  bool stopping_ = false;
  std::thread refresher_;
};

}  // namespace aziot::identityd
