#include "provisiond/store/sqlite/sqlite_upkeep.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/files/files.h"
#include "common/status/status_macros.h"
#include "common/testing/temp_dir.h"
#include "provisiond/store/hubs.h"
#include "provisiond/store/sqlite/connection.h"
#include "provisiond/store/sqlite/sqlite_database.h"

namespace aziot::provisiond::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class SqliteUpkeepTest : public ::testing::Test {
 protected:
  absl::Status PutScopeNamed(absl::string_view name) {
    return database_->Write([&](Session& session) { return PutScope(session, name, 1); });
  }
  // By somebody else than the daemon.
  void Meddle(absl::string_view sql) {
    const auto connection = Connection::Open(path_, Mode::kReadWrite);
    ASSERT_TRUE(connection.ok()) << connection.status();
    const absl::Status status = (*connection)->Script(sql);
    ASSERT_TRUE(status.ok()) << status;
  }
  std::vector<std::string> Damage() {
    const auto findings = upkeep_.Verify();
    EXPECT_TRUE(findings.ok()) << findings.status();
    return findings.ok() ? findings->damage : std::vector<std::string>{"no findings"};
  }

  testing::TempDir directory_;
  std::string path_ = directory_.Join("p.db");
  std::unique_ptr<Database> database_ = *OpenSqlite(path_);
  SqliteUpkeep upkeep_{path_};
};

TEST_F(SqliteUpkeepTest, ASoundStoreHasAVersionAndNoFindings) {
  ASSERT_TRUE(PutScopeNamed("0ne1").ok());
  const auto findings = upkeep_.Verify();
  ASSERT_TRUE(findings.ok()) << findings.status();
  EXPECT_GE(findings->version, 2);
  EXPECT_THAT(findings->damage, IsEmpty());
  EXPECT_EQ(*upkeep_.Version(), findings->version);
}

TEST_F(SqliteUpkeepTest, ARowWithoutItsParentIsNamed) {
  Meddle(
      "PRAGMA foreign_keys = OFF; INSERT INTO message (seq, device, module_id, at, size, body, properties) "
      "VALUES (7, 'nobody', '', 1, 0, x'', '{}')");
  EXPECT_THAT(Damage(), ElementsAre("row 7 of message names a device that is not there"));
}

TEST_F(SqliteUpkeepTest, AMigrationOfAnotherTextOrNoneIsNamed) {
  Meddle("UPDATE schema_version SET checksum = 'x' WHERE version = 2");
  EXPECT_THAT(Damage(), ElementsAre("migration 2 of the store is not the one this program knows"));
  EXPECT_EQ(upkeep_.Version().status().code(), absl::StatusCode::kFailedPrecondition);
  Meddle("DELETE FROM schema_version WHERE version = 2");
  EXPECT_THAT(Damage(), ElementsAre("migration 2 is missing"));
}

TEST_F(SqliteUpkeepTest, OverwrittenPagesAreFoundInAStoreThatIsOpen) {
  for (int i = 0; i < 64; ++i) {
    ASSERT_TRUE(PutScopeNamed(absl::StrCat(i, std::string(1000, 'x'))).ok());
  }
  Meddle("PRAGMA wal_checkpoint(TRUNCATE)");
  EXPECT_THAT(Damage(), IsEmpty());
  struct stat info {};
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  // In a process of its own: closing the file here would drop SQLite's locks on it.
  const std::string command =
      absl::StrCat("head -c ", info.st_size / 2, " /dev/zero | tr '\\0' '\\245' | dd of=", path_,
                   " bs=4096 seek=", info.st_size / 2 / 4096, " conv=notrunc status=none");
  ASSERT_EQ(system(command.c_str()), 0);
  EXPECT_THAT(Damage(), ::testing::Not(IsEmpty()));
}

TEST_F(SqliteUpkeepTest, ACopyMadeUnderWritesIsWholeAndForItsOwnerOnly) {
  ASSERT_TRUE(PutScopeNamed("first").ok());
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (int i = 0; !stop; ++i) EXPECT_TRUE(PutScopeNamed(absl::StrCat("scope", i)).ok());
  });
  const std::string copy = directory_.Join("copy.db");
  const auto size = upkeep_.BackUp(copy);
  stop = true;
  writer.join();
  ASSERT_TRUE(size.ok()) << size.status();
  struct stat info {};
  ASSERT_EQ(stat(copy.c_str(), &info), 0);
  EXPECT_EQ(info.st_size, *size);
  EXPECT_EQ(info.st_mode & 0777, 0600u);

  const auto restored = OpenSqlite(copy);
  ASSERT_TRUE(restored.ok()) << restored.status();
  const auto findings = SqliteUpkeep(copy).Verify();
  ASSERT_TRUE(findings.ok()) << findings.status();
  EXPECT_THAT(findings->damage, IsEmpty());
  const absl::Status status = (*restored)->Read([](Session& session) -> absl::Status {
    ASSIGN_OR_RETURN(const auto row, session.First("SELECT name FROM scope WHERE id_scope = 'first'", {}));
    EXPECT_TRUE(static_cast<bool>(row));
    return absl::OkStatus();
  });
  EXPECT_TRUE(status.ok()) << status;
}

TEST_F(SqliteUpkeepTest, NothingIsOverwrittenAndARefusalLeavesNothing) {
  const std::string taken = directory_.Join("taken");
  ASSERT_TRUE(files::Replace(taken, "mine", 0600).ok());
  EXPECT_EQ(upkeep_.BackUp(taken).status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(*files::Read(taken), "mine");
  ASSERT_EQ(symlink("nowhere", directory_.Join("link").c_str()), 0);
  EXPECT_EQ(upkeep_.BackUp(directory_.Join("link")).status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(upkeep_.BackUp(directory_.Join("no/such/place")).status().code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(upkeep_.BackUp(directory_.Join("copy")).ok());
  EXPECT_THAT(*files::List(directory_.path()),
              ElementsAre("copy", "link", "p.db", "p.db-shm", "p.db-wal", "taken"));
}

}  // namespace
}  // namespace aziot::provisiond::store
