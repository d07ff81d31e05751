// What identityd keeps about the device in its home directory, readable by upstream and written as it wrote:
// `device_info` (hub, gateway, device), `prev_state` (the settings of the last pass that ended well), and
// beside them the fingerprint of the settings the device came from, and the trust bundle and the payload that
// came with it.
// Writes are durable, mode 0600. One thread.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "identityd/attestation/device_identity.h"

namespace aziot::identityd {

class DeviceStore {
 public:
  explicit DeviceStore(std::string homedir) : homedir_(std::move(homedir)) {}

  struct Extras {
    std::string trust_bundle;  // PEM, or ""
    std::string payload;       // JSON, or ""
  };

  // Makes the directory (0700) when it is not there and clears what a crash left.
  absl::Status Open();

  struct Saved {
    DeviceIdentity device;  // without a credential
    // Whether it came from settings with that fingerprint; a device that upstream wrote fits any.
    bool Fits(absl::string_view fingerprint) const;
    std::string fingerprint_digest;  // "" when unknown
  };
  // nullopt when there is none; a damaged one is warned of.
  std::optional<Saved> Load() const;
  absl::Status Save(const DeviceIdentity& device, absl::string_view fingerprint, const Extras& extras);

  // TOML text of the settings, or nullopt.
  std::optional<std::string> LoadSettings() const;
  absl::Status SaveSettings(absl::string_view text);
  absl::Status RemoveSettings();

  Extras LoadExtras() const;
  absl::Status Clear();

 private:
  std::string PathOf(absl::string_view name) const;
  absl::Status SaveExtra(absl::string_view name, absl::string_view text);

  const std::string homedir_;
};

}  // namespace aziot::identityd
