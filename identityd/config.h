// identityd's configuration: read, checked, and turned into what each part of the daemon needs.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "aziot/config/v1/identityd.pb.h"
#include "common/config/config.h"
#include "identityd/principals/principals.h"

namespace aziot::identityd {

struct Config {
  config::v1::Identityd options;
  Principals principals;
  std::vector<std::string> warnings;

  absl::Duration cloud_timeout() const;
  int cloud_retries() const;
};

// kInvalidArgument naming the rule that is broken.
absl::StatusOr<Config> LoadConfig(const config::Sources& sources);
absl::StatusOr<Config> LoadConfigText(absl::string_view name, absl::string_view toml);

// The keys that differ and are only read at the start of the process.
std::vector<std::string> KeysThatNeedARestart(const Config& running, const Config& next);

// The effective settings as TOML, in the shape upstream wrote and reads (`prev_state`).
std::string FormatSettings(const config::v1::Identityd& options);

// The modules that saved settings ask for; empty, with a warning, when they are damaged.
std::set<std::string> ParsePreviousModules(absl::string_view toml);

}  // namespace aziot::identityd
