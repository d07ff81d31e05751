#include "provisiond/store/database.h"

#include "common/status/status_macros.h"

namespace aziot::provisiond::store {

absl::StatusOr<FirstRow> Session::First(absl::string_view sql, const std::vector<Value>& values) {
  ASSIGN_OR_RETURN(std::vector<Row> rows, Query(sql, values));
  return FirstRow(std::move(rows));
}

}  // namespace aziot::provisiond::store
