// The module identities of one device, as its hub (or the parent in nested mode) keeps them. Failures are
// Party::kHub with a Reason; keyd's are passed on under it, since to a caller the hub could not be used.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/bytes/secret.h"
#include "identityd/attestation/device_identity.h"
#include "identityd/attestation/failure.h"
#include "identityd/modules/module.h"

namespace aziot::identityd {

// Base64, as the hub takes them.
struct ModuleKeyPair {
  Secret primary;
  Secret secondary;
};

class HubRegistry {
 public:
  virtual ~HubRegistry() = default;

  virtual absl::StatusOr<std::vector<Module>> List(const DeviceIdentity& device) = 0;
  virtual absl::StatusOr<Module> Get(const DeviceIdentity& device, absl::string_view module_id) = 0;
  // Reason::kModuleExists when there is one.
  virtual absl::StatusOr<Module> Create(const DeviceIdentity& device, absl::string_view module_id) = 0;
  // Registers `keys`, keeps `managedBy`; Reason::kChanged when `module.etag` is set and not the hub's any
  // more.
  virtual absl::StatusOr<Module> Update(const DeviceIdentity& device, const Module& module,
                                        const ModuleKeyPair& keys) = 0;
  virtual absl::Status Delete(const DeviceIdentity& device, absl::string_view module_id) = 0;
};

}  // namespace aziot::identityd
