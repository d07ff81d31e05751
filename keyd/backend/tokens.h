// The tokens that a configuration speaks of. A token has one worker, whatever number of URIs name it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/uri/uri.h"
#include "keyd/backend/backends.h"
#include "keyd/backend/worker/remote_backend.h"

namespace aziot::keyd {

struct TokenPlan {
  std::string module_path;
  uri::Pkcs11Uri token;  // without object and PIN
  std::optional<std::string> pin_value;
  std::optional<std::string> pin_source;
  bool creates = false;                             // new keys are made here
  std::map<std::string, uri::Pkcs11Uri> preloaded;  // key id to its object
};

// The one that creates comes first. kInvalidArgument when two URIs give one token different PINs. Empty
// without pkcs11_lib_path.
absl::StatusOr<std::vector<TokenPlan>> PlanTokens(const BackendOptions& options);

// `token "device"`, `token in slot 3`.
std::string NameOf(const TokenPlan& plan);
worker::RemoteOptions OptionsOf(const TokenPlan& plan);

}  // namespace aziot::keyd
