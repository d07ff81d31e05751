#include "openssl-engine/json.h"

#include <cstdint>
#include <optional>

namespace aziot::openssl_engine {
namespace {

constexpr int kMaxDepth = 32;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

void AppendUtf8(uint32_t point, std::string& out) {
  const auto tail = [&](int shift) { out += static_cast<char>(0x80 | (point >> shift & 0x3f)); };
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += static_cast<char>(0xc0 | point >> 6);
    tail(0);
  } else if (point < 0x10000) {
    out += static_cast<char>(0xe0 | point >> 12);
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xf0 | point >> 18);
    tail(12);
    tail(6);
    tail(0);
  }
}

// Walks over one JSON text; every function answers whether what it expected stood there, and moves behind it.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool AtEnd() {
    SkipSpace();
    return text_.empty();
  }

  bool Take(char c) {
    SkipSpace();
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }

  bool NextIs(char c) {
    SkipSpace();
    return !text_.empty() && text_.front() == c;
  }

  bool String(std::string& out) {
    if (!Take('"')) return false;
    while (!text_.empty()) {
      const char c = text_.front();
      text_.remove_prefix(1);
      if (c == '"') return true;
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c != '\\') {
        out += c;
      } else if (!Escape(out)) {
        return false;
      }
    }
    return false;
  }

  bool SkipValue(int depth) {
    if (depth > kMaxDepth) return false;
    if (NextIs('{') || NextIs('[')) return SkipContainer(depth);
    if (NextIs('"')) {
      std::string ignored;
      return String(ignored);
    }
    return Literal("true") || Literal("false") || Literal("null") || Number();
  }

 private:
  void SkipSpace() {
    const size_t first = text_.find_first_not_of(" \t\r\n");
    text_.remove_prefix(first == std::string_view::npos ? text_.size() : first);
  }

  bool SkipContainer(int depth) {
    const bool object = text_.front() == '{';
    text_.remove_prefix(1);
    const char close = object ? '}' : ']';
    if (Take(close)) return true;
    do {
      std::string ignored;
      if (object && !(String(ignored) && Take(':'))) return false;
      if (!SkipValue(depth + 1)) return false;
    } while (Take(','));
    return Take(close);
  }

  bool Literal(std::string_view word) {
    if (text_.substr(0, word.size()) != word) return false;
    text_.remove_prefix(word.size());
    return true;
  }

  bool Digits() {
    size_t count = 0;
    while (count < text_.size() && IsDigit(text_[count])) ++count;
    text_.remove_prefix(count);
    return count > 0;
  }

  bool Number() {
    Literal("-");
    if (!Literal("0") && !Digits()) return false;
    if (Literal(".") && !Digits()) return false;
    if (Literal("e") || Literal("E")) {
      if (!Literal("+")) Literal("-");
      return Digits();
    }
    return true;
  }

  std::optional<uint32_t> Hex4() {
    if (text_.size() < 4) return std::nullopt;
    uint32_t value = 0;
    for (int i = 0; i < 4; ++i) {
      const char c = text_[i];
      uint32_t digit = 0;
      if (IsDigit(c)) {
        digit = static_cast<uint32_t>(c - '0');
      } else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) {
        digit = static_cast<uint32_t>((c | 0x20) - 'a' + 10);
      } else {
        return std::nullopt;
      }
      value = value << 4 | digit;
    }
    text_.remove_prefix(4);
    return value;
  }

  bool Escape(std::string& out) {
    if (text_.empty()) return false;
    const char c = text_.front();
    text_.remove_prefix(1);
    constexpr std::string_view kFrom = "\"\\/bfnrt";
    constexpr std::string_view kTo = "\"\\/\b\f\n\r\t";
    if (const size_t at = kFrom.find(c); at != std::string_view::npos) {
      out += kTo[at];
      return true;
    }
    if (c != 'u') return false;
    std::optional<uint32_t> point = Hex4();
    if (!point || (*point >= 0xdc00 && *point < 0xe000)) return false;
    if (*point >= 0xd800 && *point < 0xdc00) {
      if (!Literal("\\u")) return false;
      const std::optional<uint32_t> low = Hex4();
      if (!low || *low < 0xdc00 || *low >= 0xe000) return false;
      point = 0x10000 + ((*point - 0xd800) << 10) + (*low - 0xdc00);
    }
    AppendUtf8(*point, out);
    return true;
  }

  std::string_view text_;
};

Failure NotJson() { return {Reason::kBadAnswer, "the body of the answer is not a JSON object"}; }

}  // namespace

std::string QuoteJson(std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += "\\u00";
      out += kHex[static_cast<unsigned char>(c) >> 4];
      out += kHex[c & 15];
    } else {
      out += c;
    }
  }
  out += '"';
  return out;
}

Result<std::string> StringMember(std::string_view json, std::string_view name) {
  Reader reader(json);
  std::optional<std::string> found;
  if (!reader.Take('{')) return NotJson();
  if (!reader.Take('}')) {
    do {
      std::string key;
      if (!reader.String(key) || !reader.Take(':')) return NotJson();
      if (key == name && reader.NextIs('"')) {
        if (found) return Failure{Reason::kBadAnswer, "the answer has \"" + key + "\" twice"};
        if (!reader.String(found.emplace())) return NotJson();
      } else if (!reader.SkipValue(1)) {
        return NotJson();
      }
    } while (reader.Take(','));
    if (!reader.Take('}')) return NotJson();
  }
  if (!reader.AtEnd()) return NotJson();
  if (!found) return Failure{Reason::kBadAnswer, "the answer has no text \"" + std::string(name) + "\""};
  return *std::move(found);
}

}  // namespace aziot::openssl_engine
