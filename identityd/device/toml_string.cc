#include "identityd/device/toml_string.h"

#include "absl/strings/str_format.h"

namespace aziot::identityd {

std::string FormatTomlString(absl::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (byte < 0x20 || byte == 0x7f) {
      absl::StrAppendFormat(&out, "\\u%04X", byte);
    } else {
      out.push_back(c);
    }
  }
  return out + "\"";
}

}  // namespace aziot::identityd
