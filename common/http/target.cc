#include "common/http/target.h"

#include "absl/strings/ascii.h"

namespace aziot::http {
namespace {

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

enum class Plus { kStays, kIsSpace };

std::string Decode(absl::string_view text, Plus plus) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && HexValue(text[i + 1]) >= 0 && HexValue(text[i + 2]) >= 0) {
      out.push_back(static_cast<char>(HexValue(text[i + 1]) << 4 | HexValue(text[i + 2])));
      i += 2;
    } else {
      out.push_back(plus == Plus::kIsSpace && text[i] == '+' ? ' ' : text[i]);
    }
  }
  return out;
}

}  // namespace

const std::string* Target::First(absl::string_view name) const {
  for (auto it = query.begin(); it != query.end(); ++it) {
    if (it->first == name) return &it->second;
  }
  return nullptr;
}

const std::string* Target::Last(absl::string_view name) const {
  for (auto it = query.rbegin(); it != query.rend(); ++it) {
    if (it->first == name) return &it->second;
  }
  return nullptr;
}

Target ParseTarget(absl::string_view target) {
  target = target.substr(0, target.find('#'));
  if (target.empty() || target[0] != '/') {
    const size_t scheme = target.find("://");
    const size_t path = scheme == absl::string_view::npos ? scheme : target.find_first_of("/?", scheme + 3);
    target = path == absl::string_view::npos ? absl::string_view() : target.substr(path);
  }
  const size_t question = target.find('?');
  Target out;
  const absl::string_view path = target.substr(0, question);
  out.path = std::string(path.empty() ? absl::string_view("/") : path);
  if (question == absl::string_view::npos) return out;

  absl::string_view rest = target.substr(question + 1);
  while (!rest.empty()) {
    const size_t end = rest.find('&');
    const absl::string_view pair = rest.substr(0, end);
    rest = end == absl::string_view::npos ? absl::string_view() : rest.substr(end + 1);
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    const absl::string_view value =
        equals == absl::string_view::npos ? absl::string_view() : pair.substr(equals + 1);
    out.query.emplace_back(Decode(pair.substr(0, equals), Plus::kIsSpace), Decode(value, Plus::kIsSpace));
  }
  return out;
}

std::string PercentDecode(absl::string_view text) { return Decode(text, Plus::kStays); }

std::string PercentEncode(absl::string_view text) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' || c == '_' || c == '~') {
      out.push_back(c);
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return out;
}

}  // namespace aziot::http
