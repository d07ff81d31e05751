// `source = "dps"` with a symmetric key.
#pragma once

#include <memory>

#include "aziot/config/v1/identityd.pb.h"
#include "identityd/provisioning/dps/dps_client.h"
#include "identityd/provisioning/provisioning_source.h"

namespace aziot::identityd {

// kInvalidArgument naming the key that is missing.
absl::StatusOr<std::shared_ptr<ProvisioningSource>> NewDpsSource(const config::v1::Provisioning& config,
                                                                 Attestation& attestation,
                                                                 DpsClient::Send send, Clock& clock);

}  // namespace aziot::identityd
