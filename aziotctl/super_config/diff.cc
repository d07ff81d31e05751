#include "aziotctl/super_config/diff.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace aziot::ctl {
namespace {

constexpr char kHidden[] = "******";
constexpr absl::string_view kSecretKeys[] = {"password", "endorsement", "owner"};
constexpr char kPin[] = "pin-value=";
// Above it a table of the common lines would be too large: then lines are only compared in step.
constexpr size_t kMostPairs = size_t{4} << 20;

std::string RedactedLine(absl::string_view line) {
  for (const absl::string_view key : kSecretKeys) {
    if (absl::StartsWith(line, absl::StrCat(key, " = "))) return absl::StrCat(key, " = \"", kHidden, "\"");
  }
  const size_t pin = line.find(kPin);
  if (pin == absl::string_view::npos) return std::string(line);
  const size_t begin = pin + sizeof kPin - 1;
  const size_t end = std::min(line.find_first_of("&\"", begin), line.size());
  return absl::StrCat(line.substr(0, begin), kHidden, line.substr(end));
}

std::vector<absl::string_view> Lines(absl::string_view text) {
  std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  if (lines.back().empty()) lines.pop_back();
  return lines;
}

// common[i][j]: how many lines the rests of both from i and j have in common.
std::vector<std::vector<uint32_t>> CommonLengths(const std::vector<absl::string_view>& before,
                                                 const std::vector<absl::string_view>& after) {
  std::vector<std::vector<uint32_t>> common(before.size() + 1, std::vector<uint32_t>(after.size() + 1));
  for (size_t i = before.size(); i-- > 0;) {
    for (size_t j = after.size(); j-- > 0;) {
      common[i][j] =
          before[i] == after[j] ? common[i + 1][j + 1] + 1 : std::max(common[i + 1][j], common[i][j + 1]);
    }
  }
  return common;
}

}  // namespace

std::string Redacted(absl::string_view text) {
  std::string out;
  for (const absl::string_view line : Lines(text)) absl::StrAppend(&out, RedactedLine(line), "\n");
  return out;
}

std::string Diff(absl::string_view before, absl::string_view after) {
  const std::vector<absl::string_view> old_lines = Lines(before);
  const std::vector<absl::string_view> new_lines = Lines(after);
  const bool compare = old_lines.size() * new_lines.size() <= kMostPairs;
  const auto common = compare ? CommonLengths(old_lines, new_lines) : std::vector<std::vector<uint32_t>>();
  std::string out;
  const auto put = [&](char mark, absl::string_view line) {
    absl::StrAppend(&out, std::string(1, mark), RedactedLine(line), "\n");
  };
  size_t i = 0;
  size_t j = 0;
  while (i < old_lines.size() || j < new_lines.size()) {
    const bool both = i < old_lines.size() && j < new_lines.size();
    if (both && old_lines[i] == new_lines[j]) {
      put(' ', old_lines[i]);
      ++i;
      ++j;
    } else if (j == new_lines.size() || (both && (!compare || common[i + 1][j] >= common[i][j + 1]))) {
      put('-', old_lines[i++]);
    } else {
      put('+', new_lines[j++]);
    }
  }
  return out;
}

}  // namespace aziot::ctl
