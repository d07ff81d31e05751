#include "provisiond/store/registrations.h"

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"

namespace aziot::provisiond::store {
namespace {

constexpr absl::string_view kSelect =
    "SELECT id, etag, created_at, updated_at, registration_id, enrollment, enrollment_group, group_name, "
    "hub, device, "
    "device_id, status, substatus, payload FROM registration ";

Registration ToRegistration(const Row& row) {
  Registration registration;
  registration.id = row.Text(0);
  registration.etag = row.Text(1);
  registration.created_at = row.Integer(2);
  registration.updated_at = row.Integer(3);
  registration.registration_id = row.Text(4);
  registration.enrollment = row.OptionalText(5);
  registration.enrollment_group = row.OptionalText(6);
  registration.group_name = row.OptionalText(7);
  registration.hub = row.Text(8);
  registration.device = row.Text(9);
  registration.device_id = row.Text(10);
  registration.status = row.Text(11);
  registration.substatus = row.Text(12);
  registration.payload = row.OptionalText(13);
  return registration;
}

std::vector<Registration> ToRegistrations(const std::vector<Row>& rows) {
  std::vector<Registration> out;
  for (const Row& row : rows) out.push_back(ToRegistration(row));
  return out;
}

}  // namespace

absl::StatusOr<std::optional<Registration>> FindRegistration(Session& session,
                                                             absl::string_view registration_id) {
  ASSIGN_OR_RETURN(const auto row, session.First(absl::StrCat(kSelect, "WHERE registration_id = ?"),
                                                 {std::string(registration_id)}));
  return row ? std::optional(ToRegistration(*row)) : std::nullopt;
}

absl::StatusOr<std::vector<Registration>> RegistrationsOfDevice(Session& session, absl::string_view device) {
  ASSIGN_OR_RETURN(const std::vector<Row> rows,
                   session.Query(absl::StrCat(kSelect, "WHERE device = ?"), {std::string(device)}));
  return ToRegistrations(rows);
}

absl::StatusOr<std::vector<Registration>> RegistrationsOfGroup(Session& session, absl::string_view group_name,
                                                               absl::string_view after, int64_t limit) {
  ASSIGN_OR_RETURN(const std::vector<Row> rows,
                   session.Query(absl::StrCat(kSelect,
                                              "WHERE group_name = ? AND registration_id > ? "
                                              "ORDER BY registration_id LIMIT ?"),
                                 {std::string(group_name), std::string(after), limit}));
  return ToRegistrations(rows);
}

absl::Status PutRegistration(Session& session, const Registration& registration) {
  return session
      .Execute(
          "INSERT INTO registration (id, etag, created_at, updated_at, registration_id, enrollment, "
          "enrollment_group, "
          "group_name, hub, device, device_id, status, substatus, payload) "
          "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (registration_id) DO UPDATE SET "
          "etag = excluded.etag, updated_at = excluded.updated_at, enrollment = excluded.enrollment, "
          "enrollment_group = excluded.enrollment_group, group_name = excluded.group_name, hub = "
          "excluded.hub, "
          "device = excluded.device, device_id = excluded.device_id, status = excluded.status, "
          "substatus = excluded.substatus, payload = excluded.payload",
          {registration.id, registration.etag, registration.created_at, registration.updated_at,
           registration.registration_id, OrNull(registration.enrollment),
           OrNull(registration.enrollment_group), OrNull(registration.group_name), registration.hub,
           registration.device, registration.device_id, registration.status, registration.substatus,
           OrNull(registration.payload)})
      .status();
}

absl::Status DeleteRegistration(Session& session, absl::string_view registration_id) {
  return session.Execute("DELETE FROM registration WHERE registration_id = ?", {std::string(registration_id)})
      .status();
}

absl::StatusOr<std::optional<Operation>> FindOperation(Session& session, absl::string_view operation_id) {
  ASSIGN_OR_RETURN(const auto row,
                   session.First("SELECT operation_id, registration_id, state, result, expires "
                                 "FROM operation WHERE operation_id = ?",
                                 {std::string(operation_id)}));
  if (!row) return std::optional<Operation>();
  return std::optional(Operation{row->Text(0), row->Text(1), row->Text(2), row->Text(3), row->Integer(4)});
}

absl::Status DropOperations(Session& session, int64_t now) {
  return session.Execute("DELETE FROM operation WHERE expires < ?", {now}).status();
}

absl::Status AddOperation(Session& session, const Operation& operation) {
  return session
      .Execute(
          "INSERT INTO operation (operation_id, registration_id, state, result, expires) VALUES (?, ?, ?, ?, "
          "?)",
          {operation.operation_id, operation.registration_id, operation.state, operation.result,
           operation.expires})
      .status();
}

}  // namespace aziot::provisiond::store
