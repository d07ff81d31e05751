#include "provisiond/store/hubs.h"

#include "common/status/status_macros.h"
#include "provisiond/store/row_id.h"

namespace aziot::provisiond::store {

absl::StatusOr<std::vector<Hub>> ListHubs(Session& session) {
  ASSIGN_OR_RETURN(const std::vector<Row> rows,
                   session.Query("SELECT id, host_name, weight, state FROM hub ORDER BY created_at, id", {}));
  std::vector<Hub> hubs;
  for (const Row& row : rows)
    hubs.push_back({row.Text(0), row.Text(1), row.Integer(2), row.Text(3) == "active"});
  return hubs;
}

absl::Status PutHub(Session& session, const Hub& hub, int64_t now) {
  return session
      .Execute(
          "INSERT INTO hub (id, etag, created_at, updated_at, host_name, weight, state) VALUES (?, ?, ?, ?, "
          "?, ?, ?) "
          "ON CONFLICT (host_name) DO UPDATE SET weight = excluded.weight, state = excluded.state, "
          "updated_at = excluded.updated_at",
          {NewRowId(), NewEtag(), now, now, hub.host_name, hub.weight,
           std::string(hub.active ? "active" : "retired")})
      .status();
}

absl::Status PutScope(Session& session, absl::string_view id_scope, int64_t now) {
  return session
      .Execute(
          "INSERT INTO scope (id, etag, created_at, updated_at, id_scope, name, aliases) VALUES (?, ?, ?, ?, "
          "?, ?, "
          "'[]') ON CONFLICT (id_scope) DO NOTHING",
          {NewRowId(), NewEtag(), now, now, std::string(id_scope), std::string(id_scope)})
      .status();
}

}  // namespace aziot::provisiond::store
