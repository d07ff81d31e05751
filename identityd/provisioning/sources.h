// The list of provisioning sources, and what the configuration tells about each.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "aziot/config/v1/identityd.pb.h"
#include "common/clock/clock.h"
#include "identityd/attestation/attestation.h"
#include "identityd/provisioning/dps/dps_client.h"
#include "identityd/provisioning/provisioning_source.h"

namespace aziot::identityd {

struct SourceParts {
  Attestation& attestation;
  DpsClient::Send send;
  Clock& clock;
};

// Refuses what no later attempt could mend (kInvalidArgument naming the key). A source or method that this
// version does not have is made all the same: each attempt to provision says so.
absl::StatusOr<std::shared_ptr<ProvisioningSource>> NewSource(const config::v1::Provisioning& config,
                                                              const SourceParts& parts);

// What `GET /identities/provisioning` tells.
struct ProvisioningDescription {
  std::string source;
  std::optional<std::string> auth, endpoint, scope_id, registration_id;
  std::optional<std::string> payload;  // compact JSON
};
// Reads the payload file anew; kInvalidArgument when that fails.
absl::StatusOr<ProvisioningDescription> Describe(const config::v1::Provisioning& config);

}  // namespace aziot::identityd
