// provisiond's configuration once it has been read and checked.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "aziot/config/v1/limits.pb.h"
#include "common/config/config.h"
#include "common/server/args.h"
#include "provisiond/lifecycle/hubs.h"

namespace aziot::provisiond {

// The built-in places, all under the root.
struct Paths {
  std::string state;       // /var/lib/provisiond
  std::string run;         // /run/provisiond: admin.sock, address
  config::Sources config;  // /etc/provisiond

  static Paths Of(const server::Args& args);
};

struct Config {
  std::vector<std::string> listen;
  std::vector<std::string> names;
  std::string certificate_file, key_file;  // both or none
  int workers = 16;
  absl::Duration longest_token = absl::Hours(24 * 365);
  std::string store_path;
  std::vector<std::string> scopes;
  std::vector<Hubs::Configured> hubs;
  uint32_t registrations_per_minute = 1000;
  uint32_t polls_per_10s = 5;
  uint32_t failed_proofs_per_minute = 20;
  config::v1::Limits limits;
  bool grpc = true;
  std::vector<std::string> warnings;
};

// kInvalidArgument names what is wrong.
absl::StatusOr<Config> LoadConfig(const Paths& paths);

}  // namespace aziot::provisiond
