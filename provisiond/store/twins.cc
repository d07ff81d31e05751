#include "provisiond/store/twins.h"

#include "common/status/status_macros.h"

namespace aziot::provisiond::store {

absl::StatusOr<bool> HasTwin(Session& session, absl::string_view owner) {
  const std::string id(owner);
  ASSIGN_OR_RETURN(const auto row, session.First("SELECT id FROM device WHERE id = ? UNION ALL "
                                                 "SELECT id FROM module WHERE id = ?",
                                                 {id, id}));
  return bool{row};
}

absl::StatusOr<Twin> GetTwin(Session& session, absl::string_view owner) {
  ASSIGN_OR_RETURN(
      const auto row,
      session.First("SELECT etag, updated_at, tags, desired, reported, version, desired_version, "
                    "reported_version FROM twin WHERE owner = ?",
                    {std::string(owner)}));
  if (!row) return Twin();
  return Twin{row->Text(0), row->Integer(1), row->Text(2),    row->Text(3),
              row->Text(4), row->Integer(5), row->Integer(6), row->Integer(7)};
}

absl::Status PutTwin(Session& session, absl::string_view owner, const Twin& twin) {
  return session
      .Execute(
          "INSERT INTO twin (owner, etag, updated_at, tags, desired, reported, version, desired_version, "
          "reported_version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (owner) DO UPDATE SET "
          "etag = excluded.etag, updated_at = excluded.updated_at, tags = excluded.tags, desired = "
          "excluded.desired, "
          "reported = excluded.reported, version = excluded.version, desired_version = "
          "excluded.desired_version, "
          "reported_version = excluded.reported_version",
          {std::string(owner), twin.etag, twin.updated_at, twin.tags, twin.desired, twin.reported,
           twin.version, twin.desired_version, twin.reported_version})
      .status();
}

}  // namespace aziot::provisiond::store
