// The super-config file, read and checked.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "aziot/config/v1/super.pb.h"

namespace aziot::ctl {

struct SuperConfig {
  config::v1::Super message;
  std::vector<std::string> warnings;  // unknown keys; tables that belong to IoT Edge are known to be its own
};

// kNotFound when there is no file; otherwise as config::Load.
absl::StatusOr<SuperConfig> LoadSuperConfig(const std::string& path);

}  // namespace aziot::ctl
