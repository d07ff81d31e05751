#include "provisiond/lifecycle/query.h"

#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/status/status_macros.h"
#include "provisiond/lifecycle/fault.h"
#include "provisiond/lifecycle/query_words.h"

namespace aziot::provisiond {
namespace {

using Kind = QueryWord::Kind;

constexpr int kDeepest = 32;

enum class Truth { kFalse, kTrue, kUnknown };

Truth ToTruth(bool is) { return is ? Truth::kTrue : Truth::kFalse; }

struct Operand {
  std::vector<std::string> path;  // empty: `value` is it
  Json value;

  // nullptr for a member that is not there.
  const Json* In(const Json& document) const {
    if (path.empty()) return &value;
    const Json* at = &document;
    for (const std::string& name : path) {
      if (!at->is_object()) return nullptr;
      const auto found = at->find(name);
      if (found == at->end()) return nullptr;
      at = &*found;
    }
    return at;
  }
};

}  // namespace

struct Query::Condition {
  enum class Sort { kCompare, kIn, kIsDefined, kAnd, kOr, kNot };
  Sort sort = Sort::kCompare;
  std::string sign;
  std::vector<Operand> operands;
  std::vector<Condition> parts;

  Truth Holds(const Json& document) const;
  Truth Compare(const Json& document) const;
};

namespace {

using Condition = Query::Condition;
using Sort = Condition::Sort;

bool SameType(const Json& a, const Json& b) {
  return (a.is_number() && b.is_number()) || a.type() == b.type();
}

class Parser {
 public:
  explicit Parser(std::vector<QueryWord> words) : words_(std::move(words)) {}

  bool TakeName(absl::string_view name) {
    if (Next().kind != Kind::kName || !absl::EqualsIgnoreCase(Next().text, name)) return false;
    ++at_;
    return true;
  }
  bool TakeSign(absl::string_view sign) {
    if (Next().kind != Kind::kSign || Next().text != sign) return false;
    ++at_;
    return true;
  }
  bool AtEnd() const { return Next().kind == Kind::kEnd; }
  absl::StatusOr<std::string> AnyName() {
    if (Next().kind != Kind::kName) return Wrong();
    return words_[at_++].text;
  }
  absl::Status Wrong() const {
    return Refuse(Fault::kInvalid,
                  absl::StrCat("the query is not understood from its character ", Next().at + 1));
  }

  absl::StatusOr<Condition> Any(int depth = 0) {
    return Chain(Sort::kOr, "or", [&] { return All(depth); });
  }

 private:
  const QueryWord& Next() const { return words_[at_]; }

  template <class Part>
  absl::StatusOr<Condition> Chain(Sort sort, absl::string_view word, Part part) {
    Condition chain{sort, "", {}, {}};
    do {
      ASSIGN_OR_RETURN(Condition one, part());
      chain.parts.push_back(std::move(one));
    } while (TakeName(word));
    if (chain.parts.size() > 1) return chain;
    Condition only = std::move(chain.parts.front());
    return only;
  }
  absl::StatusOr<Condition> All(int depth) {
    return Chain(Sort::kAnd, "and", [&] { return One(depth); });
  }

  absl::StatusOr<Condition> One(int depth) {
    if (depth > kDeepest) return Refuse(Fault::kInvalid, "the query is nested too deeply");
    if (TakeName("not")) {
      ASSIGN_OR_RETURN(Condition part, One(depth + 1));
      return Not(std::move(part));
    }
    if (TakeSign("(")) {
      ASSIGN_OR_RETURN(Condition part, Any(depth + 1));
      if (!TakeSign(")")) return Wrong();
      return part;
    }
    if (TakeName("is_defined")) {
      if (!TakeSign("(")) return Wrong();
      ASSIGN_OR_RETURN(Operand member, Value());
      if (member.path.empty() || !TakeSign(")")) return Wrong();
      return Condition{Sort::kIsDefined, "", {std::move(member)}, {}};
    }
    return Comparison();
  }

  absl::StatusOr<Condition> Comparison() {
    ASSIGN_OR_RETURN(Operand left, Value());
    const bool negated = TakeName("not");
    if (TakeName("in")) {
      const bool round = TakeSign("(");
      if (!round && !TakeSign("[")) return Wrong();
      Condition in{Sort::kIn, "", {std::move(left)}, {}};
      do {
        ASSIGN_OR_RETURN(Operand value, Value());
        in.operands.push_back(std::move(value));
      } while (TakeSign(","));
      if (!TakeSign(round ? ")" : "]")) return Wrong();
      return negated ? Not(std::move(in)) : std::move(in);
    }
    if (negated) return Wrong();
    for (const absl::string_view sign : {"=", "!=", "<>", "<=", ">=", "<", ">"}) {
      if (!TakeSign(sign)) continue;
      ASSIGN_OR_RETURN(Operand right, Value());
      return Condition{
          Sort::kCompare, sign == "<>" ? "!=" : std::string(sign), {std::move(left), std::move(right)}, {}};
    }
    return Wrong();
  }

  absl::StatusOr<Operand> Value() {
    const QueryWord& word = Next();
    Operand operand;
    if (word.kind == Kind::kText) {
      operand.value = word.text;
    } else if (word.kind == Kind::kNumber) {
      int64_t whole = 0;
      double real = 0;
      if (absl::SimpleAtoi(word.text, &whole)) {
        operand.value = whole;
      } else if (absl::SimpleAtod(word.text, &real)) {
        operand.value = real;
      } else {
        return Wrong();
      }
    } else if (word.kind == Kind::kName) {
      const std::string lower = absl::AsciiStrToLower(word.text);
      if (lower == "true" || lower == "false") {
        operand.value = lower == "true";
      } else if (lower != "null") {
        operand.path = absl::StrSplit(word.text, '.');
      }
    } else {
      return Wrong();
    }
    ++at_;
    return operand;
  }

  static Condition Not(Condition part) {
    Condition condition{Sort::kNot, "", {}, {}};
    condition.parts.push_back(std::move(part));
    return condition;
  }

  const std::vector<QueryWord> words_;
  size_t at_ = 0;
};

}  // namespace

Truth Query::Condition::Compare(const Json& document) const {
  const Json* left = operands[0].In(document);
  const Json* right = operands[1].In(document);
  if (left == nullptr || right == nullptr) return Truth::kUnknown;
  if (sign == "=") return ToTruth(*left == *right);
  if (sign == "!=") return ToTruth(*left != *right);
  if (!SameType(*left, *right) || left->is_structured() || left->is_null()) return Truth::kUnknown;
  if (sign == "<") return ToTruth(*left < *right);
  if (sign == ">") return ToTruth(*left > *right);
  return ToTruth(sign == "<=" ? *left <= *right : *left >= *right);
}

Truth Query::Condition::Holds(const Json& document) const {
  switch (sort) {
    case Sort::kCompare:
      return Compare(document);
    case Sort::kIsDefined:
      return ToTruth(operands[0].In(document) != nullptr);
    case Sort::kIn: {
      const Json* member = operands[0].In(document);
      if (member == nullptr) return Truth::kUnknown;
      for (size_t i = 1; i < operands.size(); ++i) {
        const Json* value = operands[i].In(document);
        if (value != nullptr && *value == *member) return Truth::kTrue;
      }
      return Truth::kFalse;
    }
    case Sort::kNot: {
      const Truth truth = parts[0].Holds(document);
      return truth == Truth::kUnknown ? truth : ToTruth(truth == Truth::kFalse);
    }
    case Sort::kAnd:
    case Sort::kOr:
      break;
  }
  const Truth decisive = ToTruth(sort == Sort::kOr);
  Truth all = ToTruth(sort == Sort::kAnd);
  for (const Condition& part : parts) {
    const Truth truth = part.Holds(document);
    if (truth == decisive) return decisive;
    if (truth == Truth::kUnknown) all = Truth::kUnknown;
  }
  return all;
}

absl::StatusOr<Query> Query::Parse(absl::string_view text) {
  ASSIGN_OR_RETURN(std::vector<QueryWord> words, SplitQuery(text));
  Parser parser(std::move(words));
  Query query;
  if (parser.TakeSign("*")) {
    if (!parser.AtEnd()) return parser.Wrong();
    return query;
  }
  if (!parser.TakeName("select")) return parser.Wrong();
  if (parser.TakeName("count")) {
    if (!parser.TakeSign("(")) return parser.Wrong();
    parser.TakeSign("*");
    if (!parser.TakeSign(")") || !parser.TakeName("as")) return parser.Wrong();
    query.counts_ = true;
    ASSIGN_OR_RETURN(query.count_name_, parser.AnyName());
  } else if (!parser.TakeSign("*")) {
    return parser.Wrong();
  }
  if (!parser.TakeName("from")) return parser.Wrong();
  ASSIGN_OR_RETURN(const std::string source, parser.AnyName());
  query.source_ = absl::AsciiStrToLower(source);
  if (parser.TakeName("where")) {
    ASSIGN_OR_RETURN(Condition condition, parser.Any());
    query.condition_ = std::make_shared<const Condition>(std::move(condition));
  }
  if (!parser.AtEnd()) return parser.Wrong();
  return query;
}

bool Query::Matches(const Json& document) const {
  return condition_ == nullptr || condition_->Holds(document) == Truth::kTrue;
}

}  // namespace aziot::provisiond
