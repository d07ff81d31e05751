// keyd's options as the values its parts take.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "aziot/config/v1/limits.pb.h"
#include "common/access/access_rules.h"
#include "common/config/config.h"
#include "keyd/backend/backends.h"

namespace aziot::keyd {

struct KeydConfig {
  BackendOptions backend;
  std::vector<access::Principal> principals;
  uint32_t max_requests = 10;
  config::v1::Limits limits;
  bool grpc = true;
  std::vector<std::string> warnings;  // for the log
};

// Whether only what a reload applies differs.
bool SameButPrincipals(const KeydConfig& a, const KeydConfig& b);

// kInvalidArgument names the option that is wrong and what it should be.
absl::StatusOr<KeydConfig> LoadKeydConfig(const config::Sources& sources);
// The same for one document in memory.
absl::StatusOr<KeydConfig> ParseKeydConfig(absl::string_view toml);

}  // namespace aziot::keyd
