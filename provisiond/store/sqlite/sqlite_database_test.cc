#include "provisiond/store/sqlite/sqlite_database.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <stdexcept>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/files/files.h"
#include "common/openssl/digest.h"
#include "common/status/status_macros.h"
#include "common/testing/temp_dir.h"
#include "provisiond/audit/audit_log.h"
#include "provisiond/store/hubs.h"
#include "provisiond/store/messages.h"
#include "provisiond/store/sqlite/connection.h"
#include "provisiond/store/vault.h"

namespace aziot::provisiond::store {
namespace {

absl::Status PutScopeNamed(Database& database, absl::string_view name) {
  return database.Write([&](Session& session) { return PutScope(session, name, 1); });
}

int64_t CountScopes(Database& database) {
  int64_t count = -1;
  const absl::Status status = database.Read([&](Session& session) -> absl::Status {
    ASSIGN_OR_RETURN(const auto row, session.First("SELECT COUNT(*) FROM scope", {}));
    count = row->Integer(0);
    return absl::OkStatus();
  });
  EXPECT_TRUE(status.ok()) << status;
  return count;
}

class SqliteDatabaseTest : public ::testing::Test {
 protected:
  std::unique_ptr<Database> Open() {
    auto database = OpenSqlite(path_);
    EXPECT_TRUE(database.ok()) << database.status();
    return *std::move(database);
  }
  testing::TempDir directory_;
  std::string path_ = directory_.Join("p.db");
};

TEST_F(SqliteDatabaseTest, MigrationsAreAppliedOnceAndDataStays) {
  ASSERT_TRUE(PutScopeNamed(*Open(), "0ne1").ok());
  EXPECT_EQ(CountScopes(*Open()), 1);
  struct stat info {};
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(SqliteDatabaseTest, TheLogIsBoundedAndNothingOfItIsLost) {
  constexpr int kWrites = 48;
  {
    const auto database = Open();
    for (int i = 0; i < kWrites; ++i) {
      ASSERT_TRUE(PutScopeNamed(*database, absl::StrCat(i, std::string(size_t{1} << 20, 'x'))).ok());
    }
    struct stat info {};
    ASSERT_EQ(stat((path_ + "-wal").c_str(), &info), 0);
    // Three columns hold the name; without an end the log would have some 150 MB.
    EXPECT_LT(info.st_size, 40 << 20);
  }
  EXPECT_EQ(CountScopes(*Open()), kWrites);
}

TEST_F(SqliteDatabaseTest, AStoreOfTheFirstVersionIsBroughtUpToDate) {
  ASSERT_TRUE(PutScopeNamed(*Open(), "0ne1").ok());
  {
    auto connection = *Connection::Open(path_, Mode::kReadWrite);
    ASSERT_TRUE(connection
                    ->Script("ALTER TABLE device DROP COLUMN device_scope;"
                             "ALTER TABLE device DROP COLUMN parent_scopes;"
                             "DELETE FROM schema_version WHERE version > 1")
                    .ok());
  }
  EXPECT_EQ(CountScopes(*Open()), 1);
  auto connection = *Connection::Open(path_, Mode::kReadOnly);
  EXPECT_TRUE(connection->Query("SELECT device_scope, parent_scopes FROM device", {}).ok());
}

TEST_F(SqliteDatabaseTest, AReaderThatStaysDoesNotStopTheWriters) {
  const auto database = Open();
  auto reader = *Connection::Open(path_, Mode::kReadOnly);
  ASSERT_TRUE(reader->Script("BEGIN").ok());
  ASSERT_TRUE(reader->Query("SELECT COUNT(*) FROM scope", {}).ok());
  for (int i = 0; i < 24; ++i) {
    ASSERT_TRUE(PutScopeNamed(*database, absl::StrCat(i, std::string(size_t{1} << 20, 'x'))).ok());
  }
  EXPECT_EQ(reader->Query("SELECT COUNT(*) FROM scope", {})->front().Integer(0), 0);
  ASSERT_TRUE(reader->Script("COMMIT").ok());
  EXPECT_EQ(CountScopes(*database), 24);
}

TEST_F(SqliteDatabaseTest, AStoreOfANewerVersionOrWithAnotherMigrationIsRefused) {
  Open();
  auto connection = *Connection::Open(path_, Mode::kReadWrite);
  ASSERT_TRUE(connection->Script("INSERT INTO schema_version VALUES (99, 'x', 0)").ok());
  EXPECT_EQ(OpenSqlite(path_).status().code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(connection->Script("DELETE FROM schema_version WHERE version = 99").ok());
  ASSERT_TRUE(connection->Script("UPDATE schema_version SET checksum = 'x'").ok());
  EXPECT_EQ(OpenSqlite(path_).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(SqliteDatabaseTest, ARefusedWriteLeavesNoTraceAndItsNeighboursStay) {
  const auto database = Open();
  EXPECT_EQ(database
                ->Write([](Session& session) -> absl::Status {
                  RETURN_IF_ERROR(PutScope(session, "0ne1", 1));
                  return absl::NotFoundError("no");
                })
                .code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(CountScopes(*database), 0);

  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      for (int j = 0; j < 10; ++j) {
        const absl::Status status = database->Write([&](Session& session) -> absl::Status {
          RETURN_IF_ERROR(PutScope(session, absl::StrCat("0ne", i, "x", j), 1));
          return j % 2 == 0 ? absl::OkStatus() : absl::AbortedError("odd");
        });
        EXPECT_EQ(status.ok(), j % 2 == 0) << status;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(CountScopes(*database), 40);
}

TEST_F(SqliteDatabaseTest, AWriteThatThrowsFailsAloneAndTheNextOneGoesOn) {
  const auto database = Open();
  EXPECT_EQ(database
                ->Write([](Session& session) -> absl::Status {
                  RETURN_IF_ERROR(PutScope(session, "0ne1", 1));
                  throw std::runtime_error("odd");
                })
                .code(),
            absl::StatusCode::kInternal);
  EXPECT_TRUE(PutScopeNamed(*database, "0ne2").ok());
  EXPECT_EQ(CountScopes(*database), 1);
}

TEST_F(SqliteDatabaseTest, ATransactionTheStoreGaveUpIsNobodysSuccess) {
  const auto database = Open();
  std::atomic<int64_t> kept{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      for (int j = 0; j < 50; ++j) {
        const bool gives_up = (i + j) % 5 == 0;
        const absl::Status status = database->Write([&](Session& session) -> absl::Status {
          RETURN_IF_ERROR(PutScope(session, absl::StrCat("0ne", i, "x", j), 1));
          return gives_up ? session.Execute("ROLLBACK", {}).status() : absl::OkStatus();
        });
        EXPECT_FALSE(gives_up && status.ok());
        if (status.ok()) ++kept;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(CountScopes(*database), kept);
}

TEST_F(SqliteDatabaseTest, AProcessKilledInsideATransactionLosesNothingElse) {
  ASSERT_TRUE(PutScopeNamed(*Open(), "0ne1").ok());
  const pid_t child = fork();
  if (child == 0) {
    auto database = OpenSqlite(path_);
    if (database.ok()) {
      (*database)
          ->Write([](Session& session) -> absl::Status {
            PutScope(session, "0ne2", 1).IgnoreError();
            kill(getpid(), SIGKILL);
            return absl::OkStatus();
          })
          .IgnoreError();
    }
    _exit(1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  const auto database = Open();
  EXPECT_EQ(CountScopes(*database), 1);
  EXPECT_TRUE(PutScopeNamed(*database, "0ne3").ok());
}

TEST_F(SqliteDatabaseTest, AuditChainNamesTheLineThatWasAltered) {
  const auto database = Open();
  for (int i = 0; i < 3; ++i) {
    audit::Line line;
    line.actor = "uid 0";
    line.action = absl::StrCat("action", i);
    ASSERT_TRUE(database->Write([&](Session& session) { return audit::Append(session, line); }).ok());
  }
  EXPECT_TRUE(database->Read([](Session& session) { return audit::Verify(session); }).ok());
  auto connection = *Connection::Open(path_, Mode::kReadWrite);
  ASSERT_TRUE(connection->Script("UPDATE audit SET target = 'x' WHERE seq = 2").ok());
  const absl::Status status = database->Read([](Session& session) { return audit::Verify(session); });
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(status.message(), "audit line 2 does not fit the chain");
}

TEST(Vault, OpensOnlyWhatWasSealedForThePlace) {
  const Vault vault(openssl::RandomSecret(32));
  const Secret secret(ToBytesView("0123456789abcdef"));
  const Bytes sealed = vault.Seal({"t", "c", "r"}, secret);
  const auto opened = vault.Open({"t", "c", "r"}, sealed);
  ASSERT_TRUE(opened.ok());
  EXPECT_TRUE(*opened == secret);
  EXPECT_NE(vault.Seal({"t", "c", "r"}, secret), sealed);
  EXPECT_FALSE(vault.Open({"t", "c", "r2"}, sealed).ok());
  EXPECT_FALSE(vault.Open({"t", "cr", ""}, sealed).ok());
  EXPECT_FALSE(Vault(openssl::RandomSecret(32)).Open({"t", "c", "r"}, sealed).ok());
  for (const size_t at : {size_t{0}, size_t{5}, sealed.size() - 1}) {
    Bytes broken = sealed;
    broken[at] ^= 1;
    EXPECT_FALSE(vault.Open({"t", "c", "r"}, broken).ok());
  }
  EXPECT_FALSE(vault.Open({"t", "c", "r"}, Bytes()).ok());
}

TEST(Vault, DataKeyIsMadeOnceAndOnlyForItsOwner) {
  const testing::TempDir directory;
  const std::string path = directory.Join("key");
  const Bytes sealed = Vault::Load(path)->Seal({"t", "c", "r"}, Secret(ToBytesView("secret")));
  EXPECT_TRUE(Vault::Load(path)->Open({"t", "c", "r"}, sealed).ok());
  ASSERT_EQ(chmod(path.c_str(), 0640), 0);
  EXPECT_EQ(Vault::Load(path).status().code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(files::Replace(path, "short", 0600).ok());
  EXPECT_EQ(Vault::Load(path).status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace aziot::provisiond::store
