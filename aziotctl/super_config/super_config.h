// The super-config file, read and checked.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "aziot/config/v1/super.pb.h"

namespace aziot::ctl {

struct SuperConfig {
  config::v1::Super message;
  std::vector<std::string> warnings;  // unknown keys; tables that belong to IoT Edge are known to be its own
};

// `name` stands for the file in texts.
absl::StatusOr<SuperConfig> ParseSuperConfig(absl::string_view name, absl::string_view toml);

// kNotFound when there is no file; otherwise as config::LoadText.
absl::StatusOr<SuperConfig> LoadSuperConfig(const std::string& path);

}  // namespace aziot::ctl
