#include "provisiond/store/devices.h"

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"
#include "provisiond/store/row_id.h"

namespace aziot::provisiond::store {
namespace {

constexpr absl::string_view kSelectDevice =
    "SELECT d.id, d.etag, d.created_at, d.updated_at, d.device_id, d.hub_id, d.state, d.status_reason, "
    "d.status_at, "
    "d.generation_id, d.auth_type, d.capabilities, d.device_scope, d.parent_scopes, p.secret_enc, "
    "s.secret_enc "
    "FROM device d "
    "LEFT JOIN credential p ON p.owner = d.id AND p.kind = 'sas' AND p.slot = 'primary' "
    "LEFT JOIN credential s ON s.owner = d.id AND s.kind = 'sas' AND s.slot = 'secondary' ";

constexpr absl::string_view kSelectModule =
    "SELECT m.id, m.etag, m.created_at, m.updated_at, m.device, m.module_id, m.managed_by, m.generation_id, "
    "m.auth_type, p.secret_enc, s.secret_enc FROM module m "
    "LEFT JOIN credential p ON p.owner = m.id AND p.kind = 'sas' AND p.slot = 'primary' "
    "LEFT JOIN credential s ON s.owner = m.id AND s.kind = 'sas' AND s.slot = 'secondary' ";

Device ToDevice(const Row& row) {
  Device device;
  device.id = row.Text(0);
  device.etag = row.Text(1);
  device.created_at = row.Integer(2);
  device.updated_at = row.Integer(3);
  device.device_id = row.Text(4);
  device.hub_id = row.Text(5);
  device.state = row.Text(6);
  device.status_reason = row.Text(7);
  device.status_at = row.Integer(8);
  device.generation_id = row.Text(9);
  device.auth_type = row.Text(10);
  device.capabilities = row.Text(11);
  device.device_scope = row.OptionalText(12);
  device.parent_scopes = row.OptionalText(13);
  device.primary_enc = row.Blob(14);
  device.secondary_enc = row.Blob(15);
  return device;
}

Module ToModule(const Row& row) {
  Module module;
  module.id = row.Text(0);
  module.etag = row.Text(1);
  module.created_at = row.Integer(2);
  module.updated_at = row.Integer(3);
  module.device = row.Text(4);
  module.module_id = row.Text(5);
  module.managed_by = row.OptionalText(6);
  module.generation_id = row.Text(7);
  module.auth_type = row.Text(8);
  module.primary_enc = row.Blob(9);
  module.secondary_enc = row.Blob(10);
  return module;
}

absl::Status PutSecret(Session& session, const std::string& owner, absl::string_view slot,
                       const Bytes& sealed) {
  if (sealed.empty()) {
    return session
        .Execute("DELETE FROM credential WHERE owner = ? AND kind = 'sas' AND slot = ?",
                 {owner, std::string(slot)})
        .status();
  }
  return session
      .Execute(
          "INSERT INTO credential (id, owner, kind, slot, secret_enc) VALUES (?, ?, 'sas', ?, ?) "
          "ON CONFLICT (owner, kind, slot) DO UPDATE SET secret_enc = excluded.secret_enc",
          {NewRowId(), owner, std::string(slot), sealed})
      .status();
}

absl::Status PutSecrets(Session& session, const std::string& owner, const Bytes& primary,
                        const Bytes& secondary) {
  RETURN_IF_ERROR(PutSecret(session, owner, "primary", primary));
  return PutSecret(session, owner, "secondary", secondary);
}

// What belongs to a device or module without a foreign key to say so.
absl::Status DeleteOwned(Session& session, const std::string& owner) {
  RETURN_IF_ERROR(session.Execute("DELETE FROM credential WHERE owner = ?", {owner}).status());
  return session.Execute("DELETE FROM twin WHERE owner = ?", {owner}).status();
}

}  // namespace

absl::StatusOr<std::optional<Device>> FindDevice(Session& session, absl::string_view hub_id,
                                                 absl::string_view device_id) {
  static const std::string sql = absl::StrCat(kSelectDevice, "WHERE d.hub_id = ? AND d.device_id = ?");
  ASSIGN_OR_RETURN(const auto row, session.First(sql, {std::string(hub_id), std::string(device_id)}));
  return row ? std::optional(ToDevice(*row)) : std::nullopt;
}

absl::StatusOr<std::optional<Device>> FindDeviceByRow(Session& session, absl::string_view id) {
  static const std::string sql = absl::StrCat(kSelectDevice, "WHERE d.id = ?");
  ASSIGN_OR_RETURN(const auto row, session.First(sql, {std::string(id)}));
  return row ? std::optional(ToDevice(*row)) : std::nullopt;
}

absl::StatusOr<std::vector<Device>> ListDevices(Session& session, absl::string_view hub_id,
                                                absl::string_view after, int64_t limit) {
  static const std::string sql =
      absl::StrCat(kSelectDevice, "WHERE d.hub_id = ? AND d.device_id > ? ORDER BY d.device_id LIMIT ?");
  ASSIGN_OR_RETURN(const std::vector<Row> rows,
                   session.Query(sql, {std::string(hub_id), std::string(after), limit}));
  std::vector<Device> devices;
  devices.reserve(rows.size());
  for (const Row& row : rows) devices.push_back(ToDevice(row));
  return devices;
}

absl::StatusOr<DeviceCount> CountDevices(Session& session, absl::string_view hub_id) {
  ASSIGN_OR_RETURN(
      const auto row,
      session.First("SELECT COUNT(*), COALESCE(SUM(CASE WHEN state IN ('disabled', 'revoked') THEN 1 "
                    "ELSE 0 END), 0) FROM device WHERE hub_id = ? OR ? = ''",
                    {std::string(hub_id), std::string(hub_id)}));
  return DeviceCount{row->Integer(0), row->Integer(1)};
}

absl::Status InsertDevice(Session& session, const Device& device) {
  RETURN_IF_ERROR(
      session
          .Execute(
              "INSERT INTO device (id, etag, created_at, updated_at, device_id, hub_id, state, "
              "status_reason, status_at, generation_id, auth_type, capabilities, device_scope, "
              "parent_scopes) "
              "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
              {device.id, device.etag, device.created_at, device.updated_at, device.device_id, device.hub_id,
               device.state, device.status_reason, device.status_at, device.generation_id, device.auth_type,
               device.capabilities, OrNull(device.device_scope), OrNull(device.parent_scopes)})
          .status());
  return PutSecrets(session, device.id, device.primary_enc, device.secondary_enc);
}

absl::Status UpdateDevice(Session& session, const Device& device) {
  ASSIGN_OR_RETURN(
      const int64_t changed,
      session.Execute("UPDATE device SET etag = ?, updated_at = ?, hub_id = ?, state = ?, status_reason = ?, "
                      "status_at = ?, generation_id = ?, auth_type = ?, capabilities = ?, device_scope = ?, "
                      "parent_scopes = ? WHERE id = ?",
                      {device.etag, device.updated_at, device.hub_id, device.state, device.status_reason,
                       device.status_at, device.generation_id, device.auth_type, device.capabilities,
                       OrNull(device.device_scope), OrNull(device.parent_scopes), device.id}));
  if (changed != 1) return absl::NotFoundError("the device is gone");
  return PutSecrets(session, device.id, device.primary_enc, device.secondary_enc);
}

absl::Status DeleteDevice(Session& session, const Device& device) {
  ASSIGN_OR_RETURN(const std::vector<Module> modules, ListModules(session, device.id));
  for (const Module& module : modules) RETURN_IF_ERROR(DeleteModule(session, module));
  RETURN_IF_ERROR(DeleteOwned(session, device.id));
  return session.Execute("DELETE FROM device WHERE id = ?", {device.id}).status();
}

absl::StatusOr<std::optional<Module>> FindModule(Session& session, absl::string_view device,
                                                 absl::string_view module_id) {
  static const std::string sql = absl::StrCat(kSelectModule, "WHERE m.device = ? AND m.module_id = ?");
  ASSIGN_OR_RETURN(const auto row, session.First(sql, {std::string(device), std::string(module_id)}));
  return row ? std::optional(ToModule(*row)) : std::nullopt;
}

absl::StatusOr<std::vector<Module>> ListModules(Session& session, absl::string_view device) {
  static const std::string sql = absl::StrCat(kSelectModule, "WHERE m.device = ? ORDER BY m.module_id");
  ASSIGN_OR_RETURN(const std::vector<Row> rows, session.Query(sql, {std::string(device)}));
  std::vector<Module> modules;
  modules.reserve(rows.size());
  for (const Row& row : rows) modules.push_back(ToModule(row));
  return modules;
}

absl::Status InsertModule(Session& session, const Module& module) {
  RETURN_IF_ERROR(
      session
          .Execute("INSERT INTO module (id, etag, created_at, updated_at, device, module_id, managed_by, "
                   "generation_id, auth_type) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                   {module.id, module.etag, module.created_at, module.updated_at, module.device,
                    module.module_id, OrNull(module.managed_by), module.generation_id, module.auth_type})
          .status());
  return PutSecrets(session, module.id, module.primary_enc, module.secondary_enc);
}

absl::Status UpdateModule(Session& session, const Module& module) {
  ASSIGN_OR_RETURN(
      const int64_t changed,
      session.Execute("UPDATE module SET etag = ?, updated_at = ?, managed_by = ?, generation_id = ?, "
                      "auth_type = ? WHERE id = ?",
                      {module.etag, module.updated_at, OrNull(module.managed_by), module.generation_id,
                       module.auth_type, module.id}));
  if (changed != 1) return absl::NotFoundError("the module is gone");
  return PutSecrets(session, module.id, module.primary_enc, module.secondary_enc);
}

absl::Status DeleteModule(Session& session, const Module& module) {
  RETURN_IF_ERROR(DeleteOwned(session, module.id));
  return session.Execute("DELETE FROM module WHERE id = ?", {module.id}).status();
}

}  // namespace aziot::provisiond::store
