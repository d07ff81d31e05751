#include "keyd/backend/file/key_paths.h"

#include "absl/strings/str_cat.h"
#include "common/openssl/hashed_name.h"

namespace aziot::keyd::file {

std::string FileNameOf(const KeyId& id) { return openssl::HashedName(id.value()) + ".key"; }

std::string DirectoryUnder(const std::string& home) { return home + "/keys"; }

KeyPaths::KeyPaths(std::optional<std::string> home, std::map<std::string, std::string> preloaded,
                   std::set<std::string> elsewhere)
    : directory_(home.has_value() ? DirectoryUnder(*home) : ""),
      preloaded_(std::move(preloaded)),
      elsewhere_(std::move(elsewhere)) {}

absl::StatusOr<std::string> KeyPaths::PathOf(const KeyId& id) const {
  if (const auto it = preloaded_.find(id.value()); it != preloaded_.end()) return it->second;
  if (elsewhere_.contains(id.value())) {
    return absl::InvalidArgumentError(
        "the key is preloaded on a token or TPM that [aziot_keys] does not name (pkcs11_lib_path, tpm_tcti)");
  }
  if (directory_.empty()) {
    return absl::InvalidArgumentError("no way to create keys: [aziot_keys] homedir_path is not set");
  }
  return absl::StrCat(directory_, "/", FileNameOf(id));
}

}  // namespace aziot::keyd::file
