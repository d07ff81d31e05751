#include "identityd/device/device_key.h"

#include "common/log/log.h"
#include "common/status/status_macros.h"

namespace aziot::identityd {
namespace {

constexpr absl::Duration kFresh = absl::Minutes(1);

// Whether keyd itself says that there is no such key for us, rather than being away or unwell.
bool IsRefusal(const absl::Status& status) {
  return absl::IsNotFound(status) || absl::IsPermissionDenied(status) || absl::IsInvalidArgument(status);
}

}  // namespace

DeviceKey::DeviceKey(KeyService& keys, Clock& clock) : keys_(keys), clock_(clock) {
  refresher_ = std::thread([this] { RefreshLoop(); });
}

DeviceKey::~DeviceKey() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_all();
  refresher_.join();
}

std::string DeviceKey::Known(const DeviceIdentity& device) {
  std::lock_guard lock(mutex_);
  if (handle_.empty() || key_id_ != device.credential.key_id) return "";
  if (clock_.Steady() - since_ > kFresh) {
    refresh_ = true;
    work_.notify_all();
  }
  return handle_;
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

void DeviceKey::RefreshLoop() {
  std::unique_lock lock(mutex_);
  while (true) {
    work_.wait(lock, [&] { return stopping_ || refresh_; });
    if (stopping_) return;
    const std::string id = key_id_;
    lock.unlock();
    const absl::StatusOr<std::string> handle = keys_.Load(id);
    if (!handle.ok()) log::Debug("identityd.device", "refreshing behind the answer: {}", handle.status());
    lock.lock();
    refresh_ = false;
    if (key_id_ != id) continue;
    since_ = clock_.Steady();
    if (handle.ok()) {
      handle_ = *handle;
    } else if (IsRefusal(handle.status())) {
      handle_.clear();
    }
  }
}

}  // namespace aziot::identityd
