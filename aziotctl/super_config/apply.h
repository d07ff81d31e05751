// The split configuration on disk: each daemon's `config.d/00-super.toml`, and the device's key in a file
// only keyd reads.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "aziotctl/super_config/split.h"
#include "common/files/files.h"

namespace aziot::ctl {

struct ServiceUser {
  std::string daemon;  // keyd
  std::string user;    // aziotks
};
// keyd, certd, identityd, tpmd.
const std::vector<ServiceUser>& ServiceUsers();

// uid and group of a system user; kNotFound names the user and how to make it.
absl::StatusOr<files::Owner> FindUser(const std::string& user);

struct PlannedFile {
  std::string path;
  std::string content;
  files::Owner owner;
};

// What Apply would write, without the device key.
absl::StatusOr<std::vector<PlannedFile>> Plan(const DaemonConfigs& configs, const std::string& root);

// Writes the device key (or removes a stale one) and every planned file, each complete and with its final
// owner and mode 0600 before it has its name.
absl::Status Write(const DaemonConfigs& configs, const std::vector<PlannedFile>& plan,
                   const std::string& root);

}  // namespace aziot::ctl
