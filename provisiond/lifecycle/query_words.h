// The words of a query.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace aziot::provisiond {

struct QueryWord {
  enum class Kind { kName, kText, kNumber, kSign, kEnd };
  Kind kind = Kind::kEnd;
  std::string text;  // a text without its quotes; of a name, members joined by dots
  size_t at = 0;     // where it stands
};

// Ends with a kEnd. kInvalid for a text that does not end, or a sign the language does not have.
absl::StatusOr<std::vector<QueryWord>> SplitQuery(absl::string_view query);

}  // namespace aziot::provisiond
