// certd's options as the values its objects take. Configuration stops here.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "aziot/config/v1/limits.pb.h"
#include "certd/service/certificates.h"
#include "common/config/config.h"

namespace aziot::certd {

struct CertdConfig {
  std::string homedir;
  uint32_t max_requests = 10;
  bool grpc = true;
  config::v1::Limits limits;
  Rules rules;
  std::vector<std::string> warnings;
};

// Whether only what a reload applies differs.
bool SameUntilRestart(const CertdConfig& a, const CertdConfig& b);

// kInvalidArgument names the key and what is wrong with it.
absl::StatusOr<CertdConfig> LoadCertdConfig(const config::Sources& sources);
// The same from one document, for tests.
absl::StatusOr<CertdConfig> ParseCertdConfig(absl::string_view toml);

}  // namespace aziot::certd
