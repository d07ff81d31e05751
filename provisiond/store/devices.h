// Devices and their modules, each with its credential's sealed keys. Ids compare exactly.
#pragma once

#include "provisiond/store/database.h"

namespace aziot::provisiond::store {

struct Device {
  std::string id, etag;
  int64_t created_at = 0, updated_at = 0;  // µs since 1970
  std::string device_id, hub_id;
  std::string state;  // registered, provisioned, disabled, revoked
  std::string status_reason;
  int64_t status_at = 0;
  std::string generation_id;
  std::string auth_type;     // sas, none
  std::string capabilities;  // JSON
  std::optional<std::string> device_scope;
  std::optional<std::string> parent_scopes;  // JSON array
  Bytes primary_enc, secondary_enc;
};

struct Module {
  std::string id, etag;
  int64_t created_at = 0, updated_at = 0;
  std::string device;  // row id
  std::string module_id;
  std::optional<std::string> managed_by;
  std::string generation_id;
  std::string auth_type;
  Bytes primary_enc, secondary_enc;
};

absl::StatusOr<std::optional<Device>> FindDevice(Session& session, absl::string_view hub_id,
                                                 absl::string_view device_id);
absl::StatusOr<std::optional<Device>> FindDeviceByRow(Session& session, absl::string_view id);
// Devices of a hub in the order of their ids, after `after`.
absl::StatusOr<std::vector<Device>> ListDevices(Session& session, absl::string_view hub_id,
                                                absl::string_view after, int64_t limit);
struct DeviceCount {
  int64_t total = 0;
  int64_t disabled = 0;  // revoked ones too
};
// Of one hub, or of all for "".
absl::StatusOr<DeviceCount> CountDevices(Session& session, absl::string_view hub_id);

// kAlreadyExists when the hub has a device of that id.
absl::Status InsertDevice(Session& session, const Device& device);
// Writes every column of the row `device.id`, credential included.
absl::Status UpdateDevice(Session& session, const Device& device);
// With its modules, credentials, twins and messages.
absl::Status DeleteDevice(Session& session, const Device& device);

absl::StatusOr<std::optional<Module>> FindModule(Session& session, absl::string_view device,
                                                 absl::string_view module_id);
absl::StatusOr<std::vector<Module>> ListModules(Session& session, absl::string_view device);
absl::Status InsertModule(Session& session, const Module& module);
absl::Status UpdateModule(Session& session, const Module& module);
absl::Status DeleteModule(Session& session, const Module& module);

}  // namespace aziot::provisiond::store
