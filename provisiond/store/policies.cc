#include "provisiond/store/policies.h"

#include "common/status/status_macros.h"

namespace aziot::provisiond::store {
namespace {

Policy ToPolicy(const Row& row) {
  return {row.Text(0), row.Text(1), row.Text(2), row.Text(3), row.Blob(4), row.Blob(5)};
}

}  // namespace

absl::StatusOr<std::vector<Policy>> ListPolicies(Session& session) {
  ASSIGN_OR_RETURN(const std::vector<Row> rows,
                   session.Query("SELECT id, family, name, permissions, primary_enc, secondary_enc "
                                 "FROM shared_access_policy ORDER BY family, name",
                                 {}));
  std::vector<Policy> policies;
  for (const Row& row : rows) policies.push_back(ToPolicy(row));
  return policies;
}

absl::StatusOr<std::optional<Policy>> FindPolicy(Session& session, absl::string_view family,
                                                 absl::string_view name) {
  ASSIGN_OR_RETURN(const auto row,
                   session.First("SELECT id, family, name, permissions, primary_enc, secondary_enc "
                                 "FROM shared_access_policy WHERE family = ? AND name = ?",
                                 {std::string(family), std::string(name)}));
  return row ? std::optional(ToPolicy(*row)) : std::nullopt;
}

absl::Status InsertPolicy(Session& session, const Policy& policy) {
  return session
      .Execute(
          "INSERT INTO shared_access_policy (id, family, name, permissions, primary_enc, secondary_enc) "
          "VALUES (?, ?, ?, ?, ?, ?)",
          {policy.id, policy.family, policy.name, policy.permissions, policy.primary_enc,
           policy.secondary_enc})
      .status();
}

}  // namespace aziot::provisiond::store
