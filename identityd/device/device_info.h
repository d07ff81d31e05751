// The text of `device_info`: three strings in TOML, as upstream writes and reads it.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "identityd/attestation/device_identity.h"

namespace aziot::identityd {

std::string FormatDeviceInfo(const DeviceIdentity& device);

// Basic and literal strings, comments and unknown keys; kInvalidArgument for anything else and for a missing
// key. The credential is left empty.
absl::StatusOr<DeviceIdentity> ParseDeviceInfo(absl::string_view text);

}  // namespace aziot::identityd
