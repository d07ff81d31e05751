#include "provisiond/store/sqlite/sqlite_upkeep.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "common/files/files.h"
#include "common/net/unique_fd.h"
#include "common/status/errno_status.h"
#include "common/status/status_macros.h"
#include "provisiond/store/row_id.h"
#include "provisiond/store/sqlite/connection.h"
#include "provisiond/store/sqlite/migrations.h"

namespace aziot::provisiond::store {
namespace {

constexpr size_t kMostFindings = 100;

// A check that SQLite breaks off has found something, too; only a store it cannot get at is an error.
absl::Status Check(const absl::Status& status, std::vector<std::string>& damage) {
  if (status.ok() || absl::IsUnavailable(status) || absl::IsResourceExhausted(status)) return status;
  damage.emplace_back(status.message());
  return absl::OkStatus();
}

absl::Status CheckPages(Connection& connection, std::vector<std::string>& damage) {
  ASSIGN_OR_RETURN(const std::vector<Row> rows, connection.Query("PRAGMA integrity_check", {}));
  for (const Row& row : rows) {
    if (row.Text(0) != "ok") damage.push_back(row.Text(0));
  }
  return absl::OkStatus();
}

absl::Status CheckReferences(Connection& connection, std::vector<std::string>& damage) {
  ASSIGN_OR_RETURN(const std::vector<Row> rows, connection.Query("PRAGMA foreign_key_check", {}));
  for (const Row& row : rows) {
    if (damage.size() >= kMostFindings) return absl::OkStatus();
    damage.push_back(absl::StrCat("row ", row.Integer(1), " of ", row.Text(0), " names a ", row.Text(2),
                                  " that is not there"));
  }
  return absl::OkStatus();
}

// SQLite takes a store whose file was cut off under it for an empty one, and copies that.
absl::Status CheckCopy(const std::string& file) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Connection> connection, Connection::Open(file, Mode::kReadOnly));
  const absl::StatusOr<int64_t> version = AppliedMigrations(*connection);
  std::vector<std::string> damage;
  RETURN_IF_ERROR(Check(version.status(), damage));
  if (damage.empty()) RETURN_IF_ERROR(Check(CheckPages(*connection, damage), damage));
  if (damage.empty() && *version == KnownMigrations()) return absl::OkStatus();
  return absl::DataLossError("the store is damaged, see its verification");
}

// Fills the empty file `temporary`, which then becomes `path`.
absl::StatusOr<int64_t> Copy(const std::string& store, const std::string& temporary,
                             const std::string& path) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Connection> connection, Connection::Open(store, Mode::kReadOnly));
  RETURN_IF_ERROR(connection->Execute("VACUUM INTO ?", {temporary}).status());
  RETURN_IF_ERROR(CheckCopy(temporary));
  const net::UniqueFd file(open(temporary.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info {};
  if (!file || fsync(file.get()) != 0 || fstat(file.get(), &info) != 0 ||
      renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) != 0) {
    return ErrnoStatus(errno, absl::StrCat("write ", path));
  }
  return int64_t{info.st_size};
}

}  // namespace

absl::StatusOr<int64_t> SqliteUpkeep::Version() {
  ASSIGN_OR_RETURN(const std::unique_ptr<Connection> connection, Connection::Open(path_, Mode::kReadOnly));
  return AppliedMigrations(*connection);
}

absl::StatusOr<Upkeep::Findings> SqliteUpkeep::Verify() {
  Findings findings;
  ASSIGN_OR_RETURN(const std::unique_ptr<Connection> connection, Connection::Open(path_, Mode::kReadOnly));
  const absl::StatusOr<int64_t> version = AppliedMigrations(*connection);
  if (version.ok()) {
    findings.version = *version;
    if (*version < KnownMigrations()) {
      findings.damage.push_back(absl::StrCat("migration ", *version + 1, " is missing"));
    }
  }
  RETURN_IF_ERROR(Check(version.status(), findings.damage));
  RETURN_IF_ERROR(Check(CheckPages(*connection, findings.damage), findings.damage));
  RETURN_IF_ERROR(Check(CheckReferences(*connection, findings.damage), findings.damage));
  return findings;
}

absl::StatusOr<int64_t> SqliteUpkeep::BackUp(absl::string_view path) {
  const std::string target(path);
  struct stat info {};
  if (lstat(target.c_str(), &info) == 0)
    return absl::AlreadyExistsError(absl::StrCat(path, " is there already"));
  const std::string temporary = absl::StrCat(path, ".", NewRowId(), ".partial");
  // SQLite takes an empty file as it is, mode included.
  if (!net::UniqueFd(open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600))) {
    return ErrnoStatus(errno, absl::StrCat("write ", path));
  }
  absl::StatusOr<int64_t> size = Copy(path_, temporary, target);
  if (!size.ok()) unlink((temporary + "-journal").c_str());
  // Also when it has its new name already: that name is durable with this.
  const absl::Status removed = files::Remove(temporary);
  return size.ok() && !removed.ok() ? removed : size;
}

}  // namespace aziot::provisiond::store
