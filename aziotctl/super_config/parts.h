// A split under way: the daemons' messages, and the rights that several tables of the super-config add to.
// Each step reads one table of the file and sets its share; the order of steps is that of Split.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "aziot/config/v1/certd.pb.h"
#include "aziot/config/v1/identityd.pb.h"
#include "aziot/config/v1/keyd.pb.h"
#include "aziot/config/v1/super.pb.h"
#include "aziot/config/v1/tpmd.pb.h"
#include "aziotctl/super_config/split.h"
#include "common/bytes/secret.h"

namespace aziot::ctl {

constexpr char kDeviceId[] = "device-id";
constexpr char kLocalCa[] = "local-ca";

struct Parts {
  const config::v1::Super& super;
  const Surroundings& around;
  config::v1::Keyd keyd;
  config::v1::Certd certd;
  config::v1::Identityd identityd;
  config::v1::Tpmd tpmd;
  std::optional<Secret> device_key;
  // Key and certificate ids, in the order their rights are written.
  std::vector<std::string> identityd_keys, certd_keys, identityd_certs;
  std::vector<std::string> warnings;
};

// The parent device's name, "" when the device is not nested.
std::string ParentOf(const config::v1::Super& super);

// [provisioning]: who the device is, and the key or certificate it shows.
absl::Status SplitProvisioning(Parts& parts);
// A certificate issued on the device: its entry, and the EST credentials of its own. `option` names its
// table.
absl::Status SplitIssuance(Parts& parts, const std::string& option, const config::v1::SuperCert& from,
                           const std::string& id);
// [cert_issuance.local_ca]
absl::Status SplitLocalCa(Parts& parts);
// [cert_issuance.est]
absl::Status SplitEst(Parts& parts);

}  // namespace aziot::ctl
