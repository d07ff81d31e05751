// One check of the installation: what it is called, and what it finds.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace aziot::ctl {

struct CheckContext;

struct Result {
  enum class Kind { kOk, kIgnored, kSkipped, kWarning, kError, kFatal };
  Kind kind = Kind::kOk;
  std::vector<std::string> details;  // outermost cause first

  static Result Ok() { return {}; }
  // Does not apply here: a success that is not shown.
  static Result Ignored() { return {Kind::kIgnored, {}}; }
  // Cannot be known because an earlier check failed.
  static Result Skipped() { return {Kind::kSkipped, {}}; }
  static Result Warning(std::string text) { return {Kind::kWarning, {std::move(text)}}; }
  static Result Error(std::string text) { return {Kind::kError, {std::move(text)}}; }
  // `cause` may be a chain of its own, joined by "\ncaused by: ".
  static Result Warning(std::string text, absl::string_view cause);
  static Result Error(std::string text, absl::string_view cause);
};

// Everything that one check finds; the worst decides what the check raises.
class Findings {
 public:
  void Add(Result result);
  void Warn(std::string text) { Add(Result::Warning(std::move(text))); }
  void Error(std::string text) { Add(Result::Error(std::move(text))); }
  // One problem keeps its chain of causes; of several, each becomes a line of one text.
  Result Total() const;

 private:
  std::vector<Result> problems_;
};

struct Check {
  absl::string_view id;
  absl::string_view description;
  // Sets the members of `additional_info` that it learns.
  Result (*run)(CheckContext& context, nlohmann::json& additional_info);
  // `additional_info` before the check has run: its members, without values.
  nlohmann::json blank = nlohmann::json::object();
};

struct Section {
  absl::string_view name;
  std::vector<Check> checks;
};

}  // namespace aziot::ctl
