// The tables and how they came to be: ordered, checksummed, forward only. An applied migration is never
// edited.
#pragma once

#include "absl/status/status.h"
#include "provisiond/store/sqlite/connection.h"

namespace aziot::provisiond::store {

// Applies what is missing, under the database's write lock. kFailedPrecondition: written by a newer version,
// or an applied migration differs from the one known here.
absl::Status Migrate(Connection& connection);
// How many are applied, without a change. kFailedPrecondition as above.
absl::StatusOr<int64_t> AppliedMigrations(Connection& connection);
int64_t KnownMigrations();

}  // namespace aziot::provisiond::store
