// The embedded store: one SQLite file in WAL mode, one writer, a pool of readers. Writes that arrive while
// another one commits share the next commit, each in its own savepoint.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "provisiond/store/database.h"

namespace aziot::provisiond::store {

// Opens or creates the file (mode 0600) and brings its tables up to date. kFailedPrecondition when it was
// written by a newer version, or an applied migration is not the one known here.
absl::StatusOr<std::unique_ptr<Database>> OpenSqlite(absl::string_view path);

}  // namespace aziot::provisiond::store
