// What the checks of one run share: options, and what earlier checks loaded.
#pragma once

#include <sys/types.h>

#include <optional>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "aziot/config/v1/certd.pb.h"
#include "aziot/config/v1/identityd.pb.h"
#include "aziot/config/v1/keyd.pb.h"
#include "aziot/config/v1/tpmd.pb.h"

namespace aziot::ctl {

struct CheckContext {
  std::string root;
  std::string iothub_hostname;  // of the switch
  std::string proxy_uri;
  std::string ntp_server = "pool.ntp.org:123";
  std::string expected_version;
  std::string versions_url = "https://aka.ms/azure-iotedge-latest-versions";
  absl::Duration patience = absl::Seconds(10);  // with servers other than the hub and DPS
  uint64_t least_free_bytes = uint64_t{16} << 20;

  std::optional<config::v1::Keyd> keyd;
  std::optional<config::v1::Certd> certd;
  std::optional<config::v1::Identityd> identityd;
  std::optional<config::v1::Tpmd> tpmd;
  // The settings under which identityd last reconciled, from its `prev_state`.
  std::optional<config::v1::Identityd> previous;
  bool keyd_runs = false;
  bool certd_runs = false;
  std::set<dev_t> full_devices;  // that were reported already

  std::string Rooted(absl::string_view path) const { return absl::StrCat(root, path); }
  std::string SocketOf(absl::string_view daemon) const {
    return absl::StrCat(root, "/run/aziot/", daemon, ".sock");
  }
  // identityd's state directory, as its configuration says.
  std::string IdentityHome() const;

  // The hub this device belongs to: of the configuration, or what DPS assigned last. "": unknown.
  std::string AssignedHub() const;
  // The parent device's name, "" when the device is not nested.
  std::string Parent() const;
};

}  // namespace aziot::ctl
