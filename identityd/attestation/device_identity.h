// The device as its hub knows it, and the credential it proves that with. An immutable value: whoever holds
// one keeps using it while a new one is being looked for.
#pragma once

#include <memory>
#include <string>

namespace aziot::identityd {

struct Credential {
  enum class Kind { kSas, kX509, kTpm };
  Kind kind = Kind::kSas;
  std::string key_id;   // of keyd; empty for TPM
  std::string cert_id;  // of certd; X.509 only

  friend bool operator==(const Credential&, const Credential&) = default;
};

struct DeviceIdentity {
  std::string hub_name;      // may carry `:port`
  std::string gateway_host;  // the parent's name when nested, else the hub's
  std::string device_id;
  Credential credential;

  // The same device of the same hub, whatever way leads to it.
  bool SameDevice(const DeviceIdentity& other) const {
    return hub_name == other.hub_name && device_id == other.device_id;
  }
  friend bool operator==(const DeviceIdentity&, const DeviceIdentity&) = default;
};

using DevicePtr = std::shared_ptr<const DeviceIdentity>;

}  // namespace aziot::identityd
