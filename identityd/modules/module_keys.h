// The keys of modules: derived in keyd from the master key, the module id and its generation id, so that none
// is ever stored. Thread-safe.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "identityd/attestation/key_service.h"
#include "identityd/modules/hub_registry.h"

namespace aziot::identityd {

class ModuleKeys {
 public:
  explicit ModuleKeys(KeyService& keys) : keys_(keys) {}

  // The handle an agent signs with; remembered for each module's newest generation. The module must have a
  // generation id.
  absl::StatusOr<std::string> PrimaryHandle(const Module& module);
  // The same from memory alone, or "".
  std::string KnownHandle(const Module& module);
  // What the hub is to hold; asks keyd anew, also for the handle that is remembered.
  absl::StatusOr<ModuleKeyPair> Export(const Module& module);

  // Forgets the handles of all other modules: the master key may be another one.
  void KeepOnly(const std::set<std::string>& module_ids);

 private:
  struct Remembered {
    std::string generation_id;
    std::string handle;
  };
  absl::StatusOr<std::string> Derive(const Module& module, absl::string_view which);
  void Remember(const Module& module, const std::string& handle);

  KeyService& keys_;
  std::mutex mutex_;
  std::map<std::string, Remembered> handles_;
};

}  // namespace aziot::identityd
