#include "provisiond/lifecycle/query_words.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"
#include "provisiond/lifecycle/fault.h"

namespace aziot::provisiond {
namespace {

using Kind = QueryWord::Kind;

constexpr absl::string_view kSigns[] = {"!=", "<>", "<=", ">=", "=", "<", ">", "(", ")", "[", "]", ",", "*"};

bool IsSpace(char c) { return absl::ascii_isspace(static_cast<unsigned char>(c)); }
bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }
bool StartsName(char c) { return absl::ascii_isalpha(static_cast<unsigned char>(c)) || c == '_' || c == '$'; }
bool IsOfName(char c) { return StartsName(c) || IsDigit(c) || c == '-' || c == '.'; }

template <class Is>
QueryWord TakeWhile(absl::string_view& rest, Kind kind, Is is) {
  size_t size = 1;
  while (size < rest.size() && is(rest[size])) ++size;
  QueryWord word{kind, std::string(rest.substr(0, size)), 0};
  rest.remove_prefix(size);
  return word;
}

// A quote inside is written twice.
absl::StatusOr<QueryWord> TakeText(absl::string_view& rest) {
  const char quote = rest.front();
  QueryWord word{Kind::kText, "", 0};
  for (size_t i = 1; i < rest.size(); ++i) {
    if (rest[i] != quote) {
      word.text.push_back(rest[i]);
    } else if (i + 1 < rest.size() && rest[i + 1] == quote) {
      word.text.push_back(rest[i++]);
    } else {
      rest.remove_prefix(i + 1);
      return word;
    }
  }
  return Refuse(Fault::kInvalid, "a text of the query does not end");
}

absl::StatusOr<QueryWord> TakeWord(absl::string_view& rest) {
  const char first = rest.front();
  if (first == '\'' || first == '"') return TakeText(rest);
  if (StartsName(first)) return TakeWhile(rest, Kind::kName, IsOfName);
  if (IsDigit(first) || (first == '-' && rest.size() > 1 && IsDigit(rest[1]))) {
    return TakeWhile(rest, Kind::kNumber,
                     [](char c) { return IsDigit(c) || c == '.' || c == 'e' || c == 'E'; });
  }
  for (const absl::string_view sign : kSigns) {
    if (!absl::StartsWith(rest, sign)) continue;
    rest.remove_prefix(sign.size());
    return QueryWord{Kind::kSign, std::string(sign), 0};
  }
  return Refuse(Fault::kInvalid, "the query holds a sign that the language does not have");
}

}  // namespace

absl::StatusOr<std::vector<QueryWord>> SplitQuery(absl::string_view query) {
  std::vector<QueryWord> words;
  absl::string_view rest = query;
  for (;;) {
    while (!rest.empty() && IsSpace(rest.front())) rest.remove_prefix(1);
    const size_t at = query.size() - rest.size();
    if (rest.empty()) {
      words.push_back({Kind::kEnd, "", at});
      return words;
    }
    ASSIGN_OR_RETURN(QueryWord word, TakeWord(rest));
    word.at = at;
    words.push_back(std::move(word));
  }
}

}  // namespace aziot::provisiond
