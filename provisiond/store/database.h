// The store as the tables' code sees it: SQL of the subset that both engines share, run inside transactions.
// What a function passed to Read or Write returns is what the call returns; anything but OK leaves no trace.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/bytes/bytes.h"

namespace aziot::provisiond::store {

using Value = std::variant<std::monostate, int64_t, std::string, Bytes>;

inline Value OrNull(const std::optional<std::string>& text) { return text ? Value(*text) : Value(); }

class Row {
 public:
  explicit Row(std::vector<Value> values) : values_(std::move(values)) {}

  bool IsNull(size_t i) const { return std::holds_alternative<std::monostate>(values_[i]); }
  // "", 0 and no bytes for NULL.
  std::string Text(size_t i) const { return Get<std::string>(i); }
  int64_t Integer(size_t i) const { return Get<int64_t>(i); }
  Bytes Blob(size_t i) const { return Get<Bytes>(i); }
  std::optional<std::string> OptionalText(size_t i) const {
    return IsNull(i) ? std::nullopt : std::optional(Text(i));
  }

 private:
  template <class T>
  T Get(size_t i) const {
    const T* value = std::get_if<T>(&values_[i]);
    return value == nullptr ? T() : *value;
  }
  std::vector<Value> values_;
};

// The first row of an answer, if it has one.
class FirstRow {
 public:
  explicit FirstRow(std::vector<Row> rows) : rows_(std::move(rows)) {}
  explicit operator bool() const { return !rows_.empty(); }
  const Row& operator*() const { return rows_.front(); }
  const Row* operator->() const { return &rows_.front(); }

 private:
  std::vector<Row> rows_;
};

class Session {
 public:
  virtual ~Session() = default;
  // Rows of a SELECT, or of a statement with RETURNING. `?` stands for each value in turn.
  virtual absl::StatusOr<std::vector<Row>> Query(absl::string_view sql, const std::vector<Value>& values) = 0;
  // Number of rows that were changed. kAlreadyExists for a unique key that is taken.
  virtual absl::StatusOr<int64_t> Execute(absl::string_view sql, const std::vector<Value>& values) = 0;

  absl::StatusOr<FirstRow> First(absl::string_view sql, const std::vector<Value>& values);
};

class Database {
 public:
  using Work = std::function<absl::Status(Session&)>;

  virtual ~Database() = default;
  // One consistent view; any number at a time.
  virtual absl::Status Read(const Work& work) = 0;
  // One transaction, durable when OK is returned. May run on another thread of the store's choice; concurrent
  // writes may share one commit.
  virtual absl::Status Write(const Work& work) = 0;
};

}  // namespace aziot::provisiond::store
