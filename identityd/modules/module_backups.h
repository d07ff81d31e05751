// What the hub said last about each module, on disk: `modules/<device directory>/<module file>`, readable by
// upstream. Also what identityd itself has created (`created_modules.json`), which is all that it may delete.
// Writes are durable. Not thread-safe.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "identityd/attestation/device_identity.h"
#include "identityd/modules/module.h"

namespace aziot::identityd {

// `<hex SHA-256 of the hub>-<hex SHA-256 of the device>`.
std::string DeviceDirectoryName(absl::string_view hub, absl::string_view device);
// `<letters and digits of the id>-<hex SHA-256 of the id>`.
std::string ModuleFileName(absl::string_view module_id);

class ModuleBackups {
 public:
  explicit ModuleBackups(absl::string_view homedir);

  // From now on the modules of `device`; the copies of any other device are removed.
  void Use(const DeviceIdentity& device);

  std::optional<Module> Find(absl::string_view module_id) const;
  // Files that cannot be read are skipped with a warning.
  std::vector<Module> All() const;
  void Save(const Module& module);
  void Remove(absl::string_view module_id);
  // Removes the copies of modules that `modules` does not name.
  void KeepOnly(const std::vector<Module>& modules);

  // The generation id under which identityd created the module, or nullopt.
  std::optional<std::string> CreatedGeneration(absl::string_view module_id) const;
  absl::Status NoteCreated(const Module& module);
  // Begins the record with `modules`; nothing when there is one.
  absl::Status BeginRecord(const std::vector<Module>& modules);
  absl::Status ForgetCreated(absl::string_view module_id);

 private:
  absl::Status WriteCreated();
  void ReadCreated();

  const std::string root_;
  const std::string created_file_;
  std::string directory_;
  std::map<std::string, std::string> created_;
  bool has_record_ = false;
  bool unsaved_ = false;  // the record could not be written, and the next call tries again
};

}  // namespace aziot::identityd
