// The command line every daemon shares: `--root DIR`, `--version`, `--help`; and the paths that follow from
// it.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace aziot::server {

struct Args {
  // Goes before each built-in path (configuration, sockets, state, secrets), never before one read from a
  // file.
  std::string root;
  // /etc/aziot/<name>/config.toml and config.d, or what AZIOT_<NAME>_CONFIG and AZIOT_<NAME>_CONFIG_DIR name.
  std::string config_file;
  std::string config_dir;
  // <root>/run/aziot/<name>.sock
  std::string socket;
  // Directory of the running program's installed tree (`…/libexec/aziot-identity-service/../..`), for its
  // modules.
  std::string prefix;

  // `path` under the root.
  std::string Rooted(absl::string_view path) const { return root + std::string(path); }
};

// `name` is "keyd", "certd", "identityd". Prints and exits for --help, --version and usage errors (status 2).
// `more_options` are lines for the help, about arguments that the caller has taken out already.
Args ParseArgs(absl::string_view name, int argc, char** argv, absl::string_view more_options = "");

}  // namespace aziot::server
