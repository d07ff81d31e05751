// The list of key backends, and the one a configuration asks for.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "keyd/backend/key_backend.h"

namespace aziot::keyd {

struct BackendOptions {
  std::optional<std::string> homedir_path;
  std::optional<std::string> pkcs11_lib_path;
  std::optional<std::string> pkcs11_base_slot;
  std::optional<std::string> key_library;
  std::map<std::string, std::string> preloaded_files;  // key id to absolute path
  std::set<std::string> preloaded_on_token;            // key ids
  friend bool operator==(const BackendOptions&, const BackendOptions&) = default;
};

// kUnimplemented naming the option that asks for a backend which is not there yet.
absl::StatusOr<std::unique_ptr<KeyBackend>> NewKeyBackend(const BackendOptions& options);

}  // namespace aziot::keyd
