// One SQLite connection with its prepared statements. Not thread-safe.
#pragma once

#include <sqlite3.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "provisiond/store/database.h"

namespace aziot::provisiond::store {

enum class Mode { kReadWrite, kReadOnly };

class Connection final : public Session {
 public:
  static absl::StatusOr<std::unique_ptr<Connection>> Open(absl::string_view path, Mode mode);

  absl::StatusOr<std::vector<Row>> Query(absl::string_view sql, const std::vector<Value>& values) override;
  absl::StatusOr<int64_t> Execute(absl::string_view sql, const std::vector<Value>& values) override;
  // Several statements without values.
  absl::Status Script(absl::string_view sql);
  // Tells `watch` after each commit how many pages the write-ahead log holds. SQLite no longer empties it
  // then.
  void WatchLog(std::function<void(int pages)> watch);
  // False once SQLite has rolled the transaction back by itself, as it does when the disk is full.
  bool InTransaction() const { return sqlite3_get_autocommit(db_.get()) == 0; }

 private:
  struct Close {
    void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
  };
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  using StatementPtr = std::unique_ptr<sqlite3_stmt, Finalize>;

  explicit Connection(sqlite3* db) : db_(db) {}
  absl::StatusOr<sqlite3_stmt*> Prepare(absl::string_view sql, const std::vector<Value>& values);
  absl::Status Failed(absl::string_view sql);

  std::function<void(int)> watch_log_;
  std::unique_ptr<sqlite3, Close> db_;
  absl::flat_hash_map<std::string, StatementPtr> statements_;
};

}  // namespace aziot::provisiond::store
