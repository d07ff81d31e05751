#include "aziotctl/checks/check.h"

#include <algorithm>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace aziot::ctl {
namespace {

Result WithCauses(Result::Kind kind, std::string text, absl::string_view cause) {
  Result result{kind, {std::move(text)}};
  for (const absl::string_view one : absl::StrSplit(cause, "\ncaused by: ")) result.details.emplace_back(one);
  return result;
}

}  // namespace

Result Result::Warning(std::string text, absl::string_view cause) {
  return WithCauses(Kind::kWarning, std::move(text), cause);
}
Result Result::Error(std::string text, absl::string_view cause) {
  return WithCauses(Kind::kError, std::move(text), cause);
}

void Findings::Add(Result result) {
  if (result.kind >= Result::Kind::kWarning) problems_.push_back(std::move(result));
}

Result Findings::Total() const {
  if (problems_.empty()) return Result::Ok();
  if (problems_.size() == 1) return problems_.front();
  Result total;
  std::vector<std::string> lines;
  for (const Result& problem : problems_) {
    total.kind = std::max(total.kind, problem.kind);
    lines.push_back(absl::StrJoin(problem.details, ": "));
  }
  total.details = {absl::StrJoin(lines, "\n")};
  return total;
}

}  // namespace aziot::ctl
