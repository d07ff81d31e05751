// A TOML document as a tree that remembers where each value was written: what lies between the parser and the
// message.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace aziot::config {

struct Place {
  std::shared_ptr<const std::string> file;
  uint32_t line = 0;  // 0: the document as a whole

  // "file:line", or the file alone.
  std::string Format() const;
};

struct Member;

struct Value {
  enum class Kind { kString, kInteger, kFloat, kBoolean, kDate, kArray, kTable };

  Kind kind = Kind::kTable;
  Place place;
  std::string text;             // kString
  int64_t integer = 0;          // kInteger
  double real = 0;              // kFloat
  bool boolean = false;         // kBoolean
  std::vector<Value> items;     // kArray
  std::vector<Member> members;  // kTable, in byte order of their keys

  // The member of that key, or nullptr.
  Value* Find(absl::string_view key);
};

struct Member {
  std::string key;
  Value value;
};

// The root table of `toml`. kInvalidArgument names `name`, line, column and what is wrong. The text itself is
// in no message but for single characters, since it may hold secrets.
absl::StatusOr<Value> ParseDocument(absl::string_view name, absl::string_view toml);

}  // namespace aziot::config
