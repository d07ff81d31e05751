#include "identityd/attestation/url_encoding.h"

#include "absl/strings/ascii.h"

namespace aziot::identityd {
namespace {

std::string Encode(absl::string_view text, absl::string_view reserved) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte >= 0x7f || reserved.find(c) != absl::string_view::npos) {
      out.push_back('%');
      out.push_back(kDigits[byte >> 4]);
      out.push_back(kDigits[byte & 15]);
    } else {
      out.push_back(c);
    }
  }
  return out;
}

}  // namespace

std::string EncodeSegment(absl::string_view text) { return Encode(text, "\"#<>?`{}=%/"); }
std::string EncodeResource(absl::string_view text) { return Encode(text, "\"#<>?`{}=%"); }

std::string EncodeForm(absl::string_view text) {
  std::string out;
  for (const char c : text) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.' || c == '*') {
      out.push_back(c);
    } else if (c == ' ') {
      out.push_back('+');
    } else {
      out += Encode(absl::string_view(&c, 1), absl::string_view(&c, 1));
    }
  }
  return out;
}

}  // namespace aziot::identityd
