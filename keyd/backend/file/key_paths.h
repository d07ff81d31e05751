// Which file a key id names.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "common/ids/id.h"

namespace aziot::keyd::file {

// `<letters and digits of the id>-<sha256 of the id>.key`, as every release has named them.
std::string FileNameOf(const KeyId& id);

// Where keys lie under a homedir_path.
std::string DirectoryUnder(const std::string& home);

class KeyPaths {
 public:
  // `home`: homedir_path. `preloaded`: paths that stand instead of the computed ones. `elsewhere`: ids
  // without a file.
  KeyPaths(std::optional<std::string> home, std::map<std::string, std::string> preloaded,
           std::set<std::string> elsewhere);

  // kInvalidArgument when no file can stand for the id.
  absl::StatusOr<std::string> PathOf(const KeyId& id) const;
  // `<home>/keys`, or "" without a home.
  const std::string& directory() const { return directory_; }
  const std::map<std::string, std::string>& preloaded() const { return preloaded_; }

 private:
  std::string directory_;
  std::map<std::string, std::string> preloaded_;
  std::set<std::string> elsewhere_;
};

}  // namespace aziot::keyd::file
