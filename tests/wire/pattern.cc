#include "tests/wire/pattern.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <regex>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"

namespace aziot::tests {
namespace {

constexpr absl::string_view kOpen = "{{";
constexpr absl::string_view kClose = "}}";

struct Placeholder {
  std::string name;
  std::string expression;  // empty: any text
};

// The pattern's first placeholder, taken off it with the literal text before it.
struct Cut {
  absl::string_view literal;
  std::optional<Placeholder> placeholder;
};

Cut TakeFirst(absl::string_view& pattern) {
  size_t open = pattern.find(kOpen);
  // In `{{{name}}` the first brace is text.
  while (open != absl::string_view::npos && pattern.substr(open + 1, kOpen.size()) == kOpen) ++open;
  size_t close = open == absl::string_view::npos ? open : pattern.find(kClose, open);
  if (close == absl::string_view::npos) {
    Cut cut{.literal = pattern, .placeholder = std::nullopt};
    pattern = "";
    return cut;
  }
  // And of `{{name~.{3}}}` the first closing brace is the expression's.
  if (pattern.substr(open, close - open).find('~') != absl::string_view::npos) {
    while (pattern.substr(close + 1, kClose.size()) == kClose) ++close;
  }
  const absl::string_view inside = pattern.substr(open + kOpen.size(), close - open - kOpen.size());
  const size_t tilde = inside.find('~');
  Cut cut{.literal = pattern.substr(0, open),
          .placeholder = Placeholder{.name = std::string(inside.substr(0, tilde)), .expression = ""}};
  if (tilde != absl::string_view::npos) cut.placeholder->expression = std::string(inside.substr(tilde + 1));
  pattern.remove_prefix(close + kClose.size());
  return cut;
}

// What the pattern goes on with as far as it is known: up to the next placeholder without a value.
std::string KnownPart(absl::string_view pattern, const Variables& variables) {
  std::string known;
  while (!pattern.empty()) {
    const Cut cut = TakeFirst(pattern);
    absl::StrAppend(&known, cut.literal);
    if (!cut.placeholder) break;
    const auto value = variables.find(cut.placeholder->name);
    if (value == variables.end()) break;
    known += value->second;
  }
  return known;
}

// Where the JSON string that `text` stands in ends.
size_t EndOfString(absl::string_view text) {
  size_t end = 0;
  while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2 : 1;
  return std::min(end, text.size());
}

absl::Status Differs(absl::string_view expected, absl::string_view text) {
  return absl::InvalidArgumentError(absl::StrCat("expected «", expected, "» where «", text, "» stands"));
}

}  // namespace

absl::StatusOr<std::string> Expand(absl::string_view pattern, const Variables& variables) {
  std::string text;
  while (!pattern.empty()) {
    const Cut cut = TakeFirst(pattern);
    absl::StrAppend(&text, cut.literal);
    if (!cut.placeholder) continue;
    const auto value = variables.find(cut.placeholder->name);
    if (value == variables.end()) {
      return absl::NotFoundError(absl::StrCat("{{", cut.placeholder->name, "}} has no value"));
    }
    text += value->second;
  }
  return text;
}

absl::Status Match(absl::string_view pattern, absl::string_view text, Variables& variables) {
  while (!pattern.empty()) {
    const Cut cut = TakeFirst(pattern);
    if (text.substr(0, cut.literal.size()) != cut.literal) return Differs(cut.literal, text);
    text.remove_prefix(cut.literal.size());
    if (!cut.placeholder) break;
    const auto& [name, expression] = *cut.placeholder;

    absl::string_view taken;
    if (const auto value = variables.find(name); value != variables.end()) {
      taken = value->second;
      if (text.substr(0, taken.size()) != taken) return Differs(taken, text);
    } else {
      const std::string follows = KnownPart(pattern, variables);
      const size_t end = follows.empty() ? text.size() : text.find(follows);
      const bool one_string = name != "*" || !expression.empty();
      if (end == absl::string_view::npos || (one_string && end > EndOfString(text)))
        return Differs(absl::StrCat("{{", name, "}}", follows), text);
      taken = text.substr(0, end);
    }
    if (!expression.empty() && !std::regex_match(std::string(taken), std::regex(expression))) {
      return Differs(expression, taken);
    }
    text.remove_prefix(taken.size());
    if (name != "*") variables[name] = std::string(taken);
  }
  return text.empty() ? absl::OkStatus() : Differs("", text);
}

std::string Compact(absl::string_view text) {
  const auto json = nlohmann::ordered_json::parse(text, nullptr, /*allow_exceptions=*/false);
  return json.is_discarded() ? std::string(text) : json.dump();
}

}  // namespace aziot::tests
