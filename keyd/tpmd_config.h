// The TPM service's options as the values its parts take.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "aziot/config/v1/limits.pb.h"
#include "common/bytes/secret.h"
#include "common/config/config.h"

namespace aziot::keyd {

struct TpmdConfig {
  std::string tcti = "device";
  uint32_t auth_key_handle = 0;
  Secret owner_auth;
  Secret endorsement_auth;
  uint32_t max_requests = 10;
  config::v1::Limits limits;
  bool grpc = true;
  std::vector<std::string> warnings;  // for the log
};

// kInvalidArgument names the option that is wrong and what it should be.
absl::StatusOr<TpmdConfig> LoadTpmdConfig(const config::Sources& sources);
// The same for one document in memory.
absl::StatusOr<TpmdConfig> ParseTpmdConfig(absl::string_view toml);

}  // namespace aziot::keyd
