// One pass over the module identities: those that principals ask for exist on the hub with the keys derived
// for them, and those that identityd once made for a principal that is gone are removed. Safe to repeat, and
// to be killed anywhere.
#pragma once

#include <set>
#include <string>

#include "absl/status/status.h"
#include "identityd/attestation/device_identity.h"
#include "identityd/modules/module_identities.h"
#include "identityd/modules/module_keys.h"

namespace aziot::identityd {

struct ReconcileOrder {
  std::set<std::string> wanted;
  std::set<std::string> previous;  // wanted by the last pass that ended well, for this device
  bool verify_keys = false;        // check the keys also of modules in both sets
};

class Reconciler {
 public:
  Reconciler(ModuleIdentities& modules, ModuleKeys& keys) : modules_(modules), keys_(keys) {}

  // Works on four modules at a time and past the failure of one; the status names the first failures. A list
  // that could not be had, or a hub that does not know the device or its key any more, is Party::kHub with
  // that Reason.
  absl::Status Run(const DeviceIdentity& device, const ReconcileOrder& order);

 private:
  absl::Status Ensure(const DeviceIdentity& device, const Module& module);

  ModuleIdentities& modules_;
  ModuleKeys& keys_;
};

}  // namespace aziot::identityd
