// The module identities of the adopted device: what is known of each is answered at once, and asked of the
// hub again behind the answer when it is older than a minute; only an unknown module waits for the hub.
// Changes of one module run one after the other. Thread-safe.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/clock/clock.h"
#include "identityd/attestation/device_identity.h"
#include "identityd/attestation/identity_changes.h"
#include "identityd/modules/hub_registry.h"
#include "identityd/modules/module_backups.h"
#include "identityd/modules/module_keys.h"

namespace aziot::identityd {

class ModuleIdentities {
 public:
  enum class Existing { kRefuse, kUpdate };

  ModuleIdentities(HubRegistry& hub, ModuleKeys& keys, ModuleBackups& backups, IdentityChanges& changes,
                   Clock& clock);
  ~ModuleIdentities();

  // From now on `device`: what its backups hold is known.
  void Adopt(const DeviceIdentity& device);
  // `prefer_module_identity_cache`: what is known is not asked again.
  void PreferCache(bool prefer);

  // From memory, without waiting for anything.
  std::optional<Module> Known(const DeviceIdentity& device, absl::string_view id);
  std::optional<std::vector<Module>> KnownList(const DeviceIdentity& device);
  // Failures of the hub are Party::kHub. A module without a generation id is kFailedPrecondition `module
  // identity not found`, since no key can be derived for it.
  absl::StatusOr<Module> Get(const DeviceIdentity& device, absl::string_view id);
  absl::StatusOr<std::vector<Module>> List(const DeviceIdentity& device);
  absl::StatusOr<Module> Create(const DeviceIdentity& device, absl::string_view id, Existing existing);
  // Registers the keys again; `managedBy` and the generation id stay.
  absl::StatusOr<Module> Update(const DeviceIdentity& device, absl::string_view id);
  absl::Status Delete(const DeviceIdentity& device, absl::string_view id);

  // Asks the hub now and takes its answer for the whole truth.
  absl::StatusOr<std::vector<Module>> Fetch(const DeviceIdentity& device);
  // Whether identityd itself created this very module.
  bool IsOurs(const Module& module);
  // Takes `modules` for created by identityd when it has no record yet: what upstream left. From then on only
  // what it creates itself counts.
  void InheritCreated(const std::vector<Module>& modules);

 private:
  struct Entry {
    Module module;
    absl::Duration since;  // Steady() of the hub's answer
  };
  class Turn;

  absl::StatusOr<Module> Register(const DeviceIdentity& device, const Module& module);
  absl::StatusOr<Module> UpdateInTurn(const DeviceIdentity& device, absl::string_view id);
  absl::StatusOr<Module> FetchOne(const DeviceIdentity& device, absl::string_view id);
  void Store(const DeviceIdentity& device, const Module& module);
  void Drop(const DeviceIdentity& device, absl::string_view id);
  bool IsAdopted(const DeviceIdentity& device) const;  // under mutex_
  bool IsOld(absl::Duration since) const;
  void Queue(const DeviceIdentity& device, const std::string& what);  // under mutex_
  void RefreshLoop();

  HubRegistry& hub_;
  ModuleKeys& keys_;
  IdentityChanges& changes_;
  Clock& clock_;

  // Of backups_; taken before mutex_, so that disk and memory change in the same order.
  std::mutex disk_;
  ModuleBackups& backups_;

  std::mutex mutex_;
  std::condition_variable turn_over_, work_;
  std::optional<DeviceIdentity> device_;
  std::map<std::string, Entry, std::less<>> entries_;
  // When entries_ was the hub's whole list; long ago for saved copies.
  std::optional<absl::Duration> listed_;
  bool prefer_cache_ = false;
  uint64_t changes_made_ = 0;                      // creations, updates, deletions
  std::set<std::string> in_turn_;                  // modules that are being changed
  std::map<std::string, DeviceIdentity> refresh_;  // module id, or kWholeList
  bool stopping_ = false;
  std::thread refresher_;
};

}  // namespace aziot::identityd
