// The services' query language as far as it is spoken here: `*`, or
// `SELECT * | COUNT() AS name FROM source [WHERE condition]`. Conditions compare members of the documents a
// list is made of: `= != <> < > <= >=`, `[NOT] IN [..]`, `AND OR NOT`, parentheses, `is_defined(member)`.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "provisiond/lifecycle/json.h"

namespace aziot::provisiond {

class Query {
 public:
  // kInvalid says what is not understood, and where.
  static absl::StatusOr<Query> Parse(absl::string_view text);

  bool counts() const { return counts_; }
  const std::string& count_name() const { return count_name_; }
  // As written, in lower case; "" for `*`.
  const std::string& source() const { return source_; }
  bool has_condition() const { return condition_ != nullptr; }
  // A member that is not there makes a comparison neither true nor false: NOT of it holds no more than it
  // does.
  bool Matches(const Json& document) const;

  struct Condition;

 private:
  bool counts_ = false;
  std::string count_name_;
  std::string source_;
  std::shared_ptr<const Condition> condition_;
};

}  // namespace aziot::provisiond
