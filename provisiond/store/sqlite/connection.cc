#include "provisiond/store/sqlite/connection.h"

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"

namespace aziot::provisiond::store {
namespace {

// A statement is given back unbound and at its start, whatever way the caller leaves.
class Reset {
 public:
  explicit Reset(sqlite3_stmt* statement) : statement_(statement) {}
  Reset(const Reset&) = delete;
  Reset& operator=(const Reset&) = delete;
  ~Reset() {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }

 private:
  sqlite3_stmt* statement_;
};

int Bind(sqlite3_stmt* statement, int at, const Value& value) {
  if (const auto* number = std::get_if<int64_t>(&value)) return sqlite3_bind_int64(statement, at, *number);
  if (const auto* text = std::get_if<std::string>(&value)) {
    return sqlite3_bind_text64(statement, at, text->data(), text->size(), SQLITE_STATIC, SQLITE_UTF8);
  }
  if (const auto* bytes = std::get_if<Bytes>(&value)) {
    // A null pointer would bind NULL, and no bytes are not NULL.
    return sqlite3_bind_blob64(statement, at,
                               bytes->empty() ? reinterpret_cast<const uint8_t*>("") : bytes->data(),
                               bytes->size(), SQLITE_STATIC);
  }
  return sqlite3_bind_null(statement, at);
}

Value Column(sqlite3_stmt* statement, int i) {
  switch (sqlite3_column_type(statement, i)) {
    case SQLITE_INTEGER:
      return int64_t{sqlite3_column_int64(statement, i)};
    case SQLITE_BLOB: {
      const auto* data = static_cast<const uint8_t*>(sqlite3_column_blob(statement, i));
      return data == nullptr ? Bytes() : Bytes(data, data + sqlite3_column_bytes(statement, i));
    }
    case SQLITE_NULL:
      return std::monostate();
    default: {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, i));
      return std::string(text, static_cast<size_t>(sqlite3_column_bytes(statement, i)));
    }
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(absl::string_view path, Mode mode) {
  sqlite3* db = nullptr;
  const int flags =
      SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE |
      (mode == Mode::kReadWrite ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY);
  const int code = sqlite3_open_v2(std::string(path).c_str(), &db, flags, nullptr);
  std::unique_ptr<Connection> connection(new Connection(db));
  if (code != SQLITE_OK) {
    return absl::InternalError(absl::StrCat("open store ", path, ": ", sqlite3_errstr(code)));
  }
  sqlite3_extended_result_codes(db, 1);
  sqlite3_busy_timeout(db, 10000);
  // Savepoints keep the pages they may have to put back; beyond 64 KiB that would be a temporary file each.
  RETURN_IF_ERROR(connection->Script("PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY"));
  return connection;
}

void Connection::WatchLog(std::function<void(int pages)> watch) {
  watch_log_ = std::move(watch);
  sqlite3_wal_hook(
      db_.get(),
      [](void* self, sqlite3*, const char*, int pages) {
        static_cast<Connection*>(self)->watch_log_(pages);
        return SQLITE_OK;
      },
      this);
}

absl::Status Connection::Failed(absl::string_view sql) {
  const int code = sqlite3_extended_errcode(db_.get());
  const std::string text = absl::StrCat("store: ", sqlite3_errstr(code), " (", sqlite3_errmsg(db_.get()),
                                        ") in ", sql.substr(0, 60));
  switch (code) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
      return absl::AlreadyExistsError(text);
    case SQLITE_FULL:
      return absl::ResourceExhaustedError(text);
    case SQLITE_BUSY:
      return absl::UnavailableError(text);
    default:
      return absl::InternalError(text);
  }
}

absl::StatusOr<sqlite3_stmt*> Connection::Prepare(absl::string_view sql, const std::vector<Value>& values) {
  auto found = statements_.find(sql);
  if (found == statements_.end()) {
    sqlite3_stmt* made = nullptr;
    if (sqlite3_prepare_v3(db_.get(), sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                           &made, nullptr) != SQLITE_OK) {
      return Failed(sql);
    }
    found = statements_.emplace(std::string(sql), StatementPtr(made)).first;
  }
  sqlite3_stmt* statement = found->second.get();
  for (size_t i = 0; i < values.size(); ++i) {
    if (Bind(statement, static_cast<int>(i) + 1, values[i]) != SQLITE_OK) return Failed(sql);
  }
  return statement;
}

absl::StatusOr<std::vector<Row>> Connection::Query(absl::string_view sql, const std::vector<Value>& values) {
  ASSIGN_OR_RETURN(sqlite3_stmt * statement, Prepare(sql, values));
  const Reset reset(statement);
  std::vector<Row> rows;
  for (;;) {
    const int code = sqlite3_step(statement);
    if (code == SQLITE_DONE) return rows;
    if (code != SQLITE_ROW) return Failed(sql);
    std::vector<Value> columns;
    const int count = sqlite3_column_count(statement);
    columns.reserve(static_cast<size_t>(count));
    for (int i = 0; i < count; ++i) columns.push_back(Column(statement, i));
    rows.emplace_back(std::move(columns));
  }
}

absl::StatusOr<int64_t> Connection::Execute(absl::string_view sql, const std::vector<Value>& values) {
  RETURN_IF_ERROR(Query(sql, values).status());
  return int64_t{sqlite3_changes64(db_.get())};
}

absl::Status Connection::Script(absl::string_view sql) {
  if (sqlite3_exec(db_.get(), std::string(sql).c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
    return Failed(sql);
  return absl::OkStatus();
}

}  // namespace aziot::provisiond::store
