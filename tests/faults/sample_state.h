// What the state writer writes and the test looks for.
#pragma once

#include <string>

#include "identityd/attestation/device_identity.h"
#include "identityd/modules/module.h"

namespace aziot::tests::faults {

constexpr char kOldSettings[] = "old = true\n";
constexpr char kNewSettings[] = "new = true\nand = \"longer\"\n";

inline identityd::DeviceIdentity OldDevice() {
  return {.hub_name = "old.hub", .gateway_host = "old.hub", .device_id = "device", .credential = {}};
}
inline identityd::DeviceIdentity NewDevice() {
  return {.hub_name = "new.hub", .gateway_host = "gateway", .device_id = "new-device", .credential = {}};
}
inline identityd::Module OldModule(const std::string& id) {
  return {.module_id = id,
          .device_id = "device",
          .generation_id = "1",
          .managed_by = "x",
          .etag = "",
          .keys_digest = {}};
}
inline identityd::Module NewModule(const std::string& id) {
  return {.module_id = id,
          .device_id = "device",
          .generation_id = "2",
          .managed_by = "y",
          .etag = "",
          .keys_digest = {}};
}

}  // namespace aziot::tests::faults
