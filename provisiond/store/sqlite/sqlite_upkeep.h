// Upkeep of the embedded store: each call reads through a connection of its own, so that it sees what is in
// the file and holds nobody up.
#pragma once

#include <string>
#include <utility>

#include "provisiond/store/upkeep.h"

namespace aziot::provisiond::store {

class SqliteUpkeep final : public Upkeep {
 public:
  // Of the store that OpenSqlite has open at `path`.
  explicit SqliteUpkeep(std::string path) : path_(std::move(path)) {}

  absl::string_view engine() const override { return "sqlite"; }
  absl::StatusOr<int64_t> Version() override;
  absl::StatusOr<Findings> Verify() override;
  absl::StatusOr<int64_t> BackUp(absl::string_view path) override;

 private:
  const std::string path_;
};

}  // namespace aziot::provisiond::store
