// The registry of devices and their modules: every change goes through here, whichever API asked for it, and
// leaves its line in the audit log. Refusals are those of fault.h. Thread-safe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/clock/clock.h"
#include "provisiond/lifecycle/actor.h"
#include "provisiond/lifecycle/device_credentials.h"
#include "provisiond/lifecycle/device_state.h"
#include "provisiond/lifecycle/if_match.h"
#include "provisiond/lifecycle/json.h"
#include "provisiond/store/database.h"
#include "provisiond/store/devices.h"
#include "provisiond/store/vault.h"

namespace aziot::provisiond {

constexpr size_t kModulesPerDevice = 50;

struct DeviceWish {
  std::string device_id;
  std::optional<bool> enabled;  // absent: enabled when created, unchanged when updated
  std::optional<std::string> status_reason;
  std::optional<std::string> auth_type;  // sas, none
  WantedKeys keys;
  std::optional<std::string> capabilities;  // JSON
  std::optional<std::string> device_scope;
  std::optional<std::string> parent_scopes;  // JSON array
  std::optional<Json> twin;                  // tags and properties.desired, merged into what is there
};

struct ModuleWish {
  std::string module_id;
  std::optional<std::string> managed_by;  // absent clears it, as the service does
  std::optional<std::string> auth_type;
  WantedKeys keys;
  std::optional<Json> twin;
};

// A device row that is not in the store yet, keys sealed.
store::Device NewDeviceRow(const store::Vault& vault, absl::string_view hub_id, DeviceWish wish,
                           absl::Time now);

class Registry {
 public:
  Registry(store::Database& database, const store::Vault& vault, Clock& clock)
      : database_(database), vault_(vault), clock_(clock) {}

  absl::StatusOr<store::Device> CreateDevice(absl::string_view hub_id, DeviceWish wish, const Actor& actor);
  absl::StatusOr<store::Device> UpdateDevice(absl::string_view hub_id, DeviceWish wish,
                                             const IfMatch& if_match, const Actor& actor);
  absl::Status DeleteDevice(absl::string_view hub_id, absl::string_view device_id, const IfMatch& if_match,
                            const Actor& actor);
  // Disable and enable reach the device's enrolment too: an individual entry follows, a device of a group
  // gets a disabled entry of its own, which enable takes away again.
  absl::StatusOr<store::Device> Apply(absl::string_view hub_id, absl::string_view device_id, Event event,
                                      absl::string_view reason, const Actor& actor);

  absl::StatusOr<store::Device> GetDevice(absl::string_view hub_id, absl::string_view device_id);
  absl::StatusOr<std::vector<store::Device>> ListDevices(absl::string_view hub_id, absl::string_view after,
                                                         int64_t limit);
  absl::StatusOr<store::DeviceCount> CountDevices(absl::string_view hub_id);

  absl::StatusOr<store::Module> CreateModule(const store::Device& device, ModuleWish wish,
                                             const Actor& actor);
  absl::StatusOr<store::Module> UpdateModule(const store::Device& device, ModuleWish wish,
                                             const IfMatch& if_match, const Actor& actor);
  absl::Status DeleteModule(const store::Device& device, absl::string_view module_id, const IfMatch& if_match,
                            const Actor& actor);
  absl::StatusOr<store::Module> GetModule(const store::Device& device, absl::string_view module_id);
  absl::StatusOr<std::vector<store::Module>> ListModules(const store::Device& device);

  absl::StatusOr<KeyPair> KeysOf(const store::Device& device) const {
    return OpenCredential(vault_, device.id, device.primary_enc, device.secondary_enc);
  }
  absl::StatusOr<KeyPair> KeysOf(const store::Module& module) const {
    return OpenCredential(vault_, module.id, module.primary_enc, module.secondary_enc);
  }
  // As KeysOf, for a caller who will see them: audited.
  absl::StatusOr<KeyPair> ReleaseKeys(const store::Device& device, const Actor& actor);
  // Secrets are about to be shown; `detail` is JSON. (The line of a change stands for the keys that its own
  // answer shows.)
  absl::Status RecordRelease(absl::string_view action, absl::string_view target, const Actor& actor,
                             absl::string_view detail = "{}");

 private:
  absl::Status Record(store::Session& session, const Actor& actor, absl::string_view action,
                      std::string target, absl::string_view detail = "{}") const;
  absl::Status Move(store::Session& session, store::Device& device, Event event,
                    absl::string_view reason) const;

  store::Database& database_;
  const store::Vault& vault_;
  Clock& clock_;
};

}  // namespace aziot::provisiond
