// The list of key backends, and the places for keys that a configuration asks for.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/uri/uri.h"
#include "keyd/backend/key_backend.h"

namespace aziot::keyd {

struct TpmKeyOptions {
  std::string tcti;
  std::optional<uint32_t> parent;  // persistent handle
  std::string owner_auth;
  std::string parent_auth;
  bool seals = true;  // keys to encrypt with are sealed by the TPM; otherwise they are files
  friend bool operator==(const TpmKeyOptions&, const TpmKeyOptions&) = default;
};

struct BackendOptions {
  std::optional<std::string> homedir_path;
  std::optional<std::string> pkcs11_lib_path;
  std::optional<uri::Pkcs11Uri> pkcs11_base_slot;
  std::optional<TpmKeyOptions> tpm;
  std::map<std::string, uri::Uri> preloaded;  // by key id

  // A replacement library stands in for all of these, and is given what the files say.
  std::optional<std::string> key_library;
  std::map<std::string, std::string> library_parameters;  // [aziot_keys]
  std::map<std::string, std::string> library_preloaded;   // [preloaded_keys]
  friend bool operator==(const BackendOptions&, const BackendOptions&) = default;
};

// Says what is wrong in `options`. A token, TPM or library that cannot be used is no reason to fail: what
// needs it says so when it is asked.
absl::StatusOr<std::unique_ptr<KeyBackend>> NewKeyBackend(const BackendOptions& options);

// The argument that makes keyd's program a worker, and what it then runs: modules of tokens and replacement
// libraries are foreign code, and may crash or hang without taking keyd with them.
constexpr absl::string_view kKeyWorkerArgument = "--key-worker";
int RunKeyWorker();

}  // namespace aziot::keyd
