#include "provisiond/store/enrollments.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"

namespace aziot::provisiond::store {
namespace {

constexpr absl::string_view kColumns =
    "id, etag, created_at, updated_at, name, device_id, attestation, primary_enc, secondary_enc, status, "
    "allocation_policy, hub_host, hubs, reprovision, initial_twin, capabilities, details, shadow_of";

Enrollment ToEnrollment(const Row& row) {
  Enrollment entry;
  entry.id = row.Text(0);
  entry.etag = row.Text(1);
  entry.created_at = row.Integer(2);
  entry.updated_at = row.Integer(3);
  entry.name = row.Text(4);
  entry.device_id = row.OptionalText(5);
  entry.attestation = row.Text(6);
  entry.primary_enc = row.Blob(7);
  entry.secondary_enc = row.Blob(8);
  entry.enabled = row.Text(9) == "enabled";
  entry.allocation_policy = row.Text(10);
  entry.hub_host = row.OptionalText(11);
  entry.hubs = row.Text(12);
  entry.reprovision = row.OptionalText(13);
  entry.initial_twin = row.OptionalText(14);
  entry.capabilities = row.OptionalText(15);
  entry.details = row.Text(16);
  entry.shadow_of = row.OptionalText(17);
  return entry;
}

std::string StatusWord(const Enrollment& entry) { return entry.enabled ? "enabled" : "disabled"; }

}  // namespace

absl::string_view TableOf(EnrollmentKind kind) {
  return kind == EnrollmentKind::kGroup ? "enrollment_group" : "enrollment";
}

absl::StatusOr<std::optional<Enrollment>> FindEnrollment(Session& session, EnrollmentKind kind,
                                                         absl::string_view name) {
  ASSIGN_OR_RETURN(const auto row, session.First(absl::StrCat("SELECT ", kColumns, " FROM ", TableOf(kind),
                                                              " WHERE lower_name = ?"),
                                                 {absl::AsciiStrToLower(name)}));
  return row ? std::optional(ToEnrollment(*row)) : std::nullopt;
}

absl::StatusOr<std::vector<Enrollment>> ListEnrollments(Session& session, EnrollmentKind kind,
                                                        absl::string_view after, int64_t limit) {
  ASSIGN_OR_RETURN(const std::vector<Row> rows,
                   session.Query(absl::StrCat("SELECT ", kColumns, " FROM ", TableOf(kind),
                                              " WHERE lower_name > ? ORDER BY lower_name LIMIT ?"),
                                 {absl::AsciiStrToLower(after), limit}));
  std::vector<Enrollment> entries;
  for (const Row& row : rows) entries.push_back(ToEnrollment(row));
  return entries;
}

absl::StatusOr<int64_t> CountEnrollments(Session& session, EnrollmentKind kind) {
  ASSIGN_OR_RETURN(const auto row, session.First(absl::StrCat("SELECT COUNT(*) FROM ", TableOf(kind)), {}));
  return row->Integer(0);
}

absl::Status InsertEnrollment(Session& session, EnrollmentKind kind, const Enrollment& entry) {
  return session
      .Execute(absl::StrCat("INSERT INTO ", TableOf(kind), " (", kColumns,
                            ", lower_name) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
               {entry.id, entry.etag, entry.created_at, entry.updated_at, entry.name, OrNull(entry.device_id),
                entry.attestation, entry.primary_enc, entry.secondary_enc, StatusWord(entry),
                entry.allocation_policy, OrNull(entry.hub_host), entry.hubs, OrNull(entry.reprovision),
                OrNull(entry.initial_twin), OrNull(entry.capabilities), entry.details,
                OrNull(entry.shadow_of), absl::AsciiStrToLower(entry.name)})
      .status();
}

absl::Status UpdateEnrollment(Session& session, EnrollmentKind kind, const Enrollment& entry) {
  ASSIGN_OR_RETURN(
      const int64_t changed,
      session.Execute(
          absl::StrCat("UPDATE ", TableOf(kind),
                       " SET etag = ?, updated_at = ?, device_id = ?, attestation = ?, primary_enc = ?, "
                       "secondary_enc = ?, status = ?, allocation_policy = ?, hub_host = ?, hubs = ?, "
                       "reprovision = ?, "
                       "initial_twin = ?, capabilities = ?, details = ?, shadow_of = ? WHERE id = ?"),
          {entry.etag, entry.updated_at, OrNull(entry.device_id), entry.attestation, entry.primary_enc,
           entry.secondary_enc, StatusWord(entry), entry.allocation_policy, OrNull(entry.hub_host),
           entry.hubs, OrNull(entry.reprovision), OrNull(entry.initial_twin), OrNull(entry.capabilities),
           entry.details, OrNull(entry.shadow_of), entry.id}));
  return changed == 1 ? absl::OkStatus() : absl::NotFoundError("the enrolment is gone");
}

absl::Status DeleteEnrollment(Session& session, EnrollmentKind kind, const Enrollment& entry) {
  return session.Execute(absl::StrCat("DELETE FROM ", TableOf(kind), " WHERE id = ?"), {entry.id}).status();
}

}  // namespace aziot::provisiond::store
