#include "aziotctl/super_config/toml_text.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace aziot::ctl {
namespace {

std::string Quoted(absl::string_view value) {
  std::string out = "\"";
  for (const char c : value) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
          out += absl::StrFormat("\\u%04X", static_cast<unsigned char>(c));
        } else {
          out.push_back(c);
        }
    }
  }
  return out + '"';
}

std::string Key(absl::string_view key) {
  const auto is_bare = [](unsigned char c) { return absl::ascii_isalnum(c) || c == '-' || c == '_'; };
  if (!key.empty() && std::all_of(key.begin(), key.end(), is_bare)) return std::string(key);
  return Quoted(key);
}

}  // namespace

void TomlText::Header(absl::string_view header) {
  if (!text_.empty()) text_ += '\n';
  absl::StrAppend(&text_, header, "\n");
}

void TomlText::Table(const std::vector<std::string>& path) {
  const auto append_key = [](std::string* out, const std::string& part) { *out += Key(part); };
  Header(absl::StrCat("[", absl::StrJoin(path, ".", append_key), "]"));
}

void TomlText::ArrayTable(absl::string_view name) { Header(absl::StrCat("[[", Key(name), "]]")); }

void TomlText::String(absl::string_view key, absl::string_view value) {
  absl::StrAppend(&text_, Key(key), " = ", Quoted(value), "\n");
}

void TomlText::Integer(absl::string_view key, int64_t value) {
  absl::StrAppend(&text_, Key(key), " = ", value, "\n");
}

void TomlText::Bool(absl::string_view key, bool value) {
  absl::StrAppend(&text_, Key(key), " = ", value ? "true" : "false", "\n");
}

void TomlText::Bytes(absl::string_view key, absl::string_view value) {
  const auto append_value = [](std::string* out, char byte) {
    absl::StrAppend(out, static_cast<uint8_t>(byte));
  };
  absl::StrAppend(&text_, Key(key), " = [", absl::StrJoin(value, ", ", append_value), "]\n");
}

void TomlText::Strings(absl::string_view key, const std::vector<std::string>& values) {
  const auto append_value = [](std::string* out, const std::string& value) { *out += Quoted(value); };
  absl::StrAppend(&text_, Key(key), " = [", absl::StrJoin(values, ", ", append_value), "]\n");
}

}  // namespace aziot::ctl
