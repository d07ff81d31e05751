// `source = "manual"`: hub, device and key id stand in the configuration. No network is needed.
#pragma once

#include "aziot/config/v1/identityd.pb.h"
#include "identityd/provisioning/provisioning_source.h"

namespace aziot::identityd {

// kInvalidArgument naming the key that is missing or unknown.
absl::StatusOr<std::shared_ptr<ProvisioningSource>> NewManualSource(const config::v1::Provisioning& config);

}  // namespace aziot::identityd
