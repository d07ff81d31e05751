#include "identityd/device/device_key.h"

#include "common/status/status_macros.h"

namespace aziot::identityd {

std::string DeviceKey::Known(const DeviceIdentity& device) {
  constexpr absl::Duration kRemembered = absl::Minutes(1);
  std::lock_guard lock(mutex_);
  const bool fresh = key_id_ == device.credential.key_id && clock_.Steady() - since_ <= kRemembered;
  return fresh ? handle_ : "";
}

absl::StatusOr<std::string> DeviceKey::Handle(const DeviceIdentity& device) {
  if (std::string known = Known(device); !known.empty()) return known;
  ASSIGN_OR_RETURN(std::string handle, keys_.Load(device.credential.key_id));
  std::lock_guard lock(mutex_);
  key_id_ = device.credential.key_id;
  handle_ = handle;
  since_ = clock_.Steady();
  return handle;
}

}  // namespace aziot::identityd
