#include "provisiond/ctl/output.h"

#include <algorithm>
#include <cstdio>

#include "absl/strings/str_format.h"
#include "common/ids/utf8.h"
#include "common/rpc/transcode.h"

namespace aziot::provisiond::ctl {
namespace {

// Bytes of the well-formed character `text` begins with, or 0.
size_t CharacterSize(absl::string_view text) {
  for (size_t size = 1; size <= std::min<size_t>(4, text.size()); ++size) {
    if (IsUtf8(text.substr(0, size))) return size;
  }
  return 0;
}

// C0, DEL, and C1, which UTF-8 writes as C2 80 to C2 9F.
bool IsControl(absl::string_view character) {
  const auto first = static_cast<uint8_t>(character[0]);
  if (character.size() == 1) return first < 0x20 || first == 0x7f;
  return first == 0xc2 && static_cast<uint8_t>(character[1]) < 0xa0;
}

}  // namespace

std::string Printable(absl::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t size = CharacterSize(text);
    const absl::string_view character = text.substr(0, std::max<size_t>(size, 1));
    if (size != 0 && !IsControl(character)) {
      out.append(character.data(), character.size());
    } else {
      for (const char c : character) absl::StrAppendFormat(&out, "\\x%02x", static_cast<uint8_t>(c));
    }
    text.remove_prefix(character.size());
  }
  return out;
}

void PrintTable(const Lines& lines) {
  Lines printable = lines;
  std::vector<size_t> widths;
  for (auto& line : printable) {
    widths.resize(std::max(widths.size(), line.size()));
    for (size_t i = 0; i < line.size(); ++i) {
      line[i] = Printable(line[i]);
      widths[i] = std::max(widths[i], line[i].size());
    }
  }
  for (const auto& line : printable) {
    std::string text;
    for (size_t i = 0; i < line.size(); ++i) {
      text += line[i];
      if (i + 1 < line.size()) text.append(widths[i] - line[i].size() + 2, ' ');
    }
    std::printf("%s\n", text.c_str());
  }
}

void PrintFields(const std::vector<std::pair<std::string, std::string>>& fields) {
  for (const auto& [name, value] : fields) {
    if (!value.empty()) std::printf("%s: %s\n", name.c_str(), Printable(value).c_str());
  }
}

void PrintJson(const google::protobuf::Message& message) {
  std::printf("%s\n", rpc::WriteJson(message).c_str());
}

}  // namespace aziot::provisiond::ctl
