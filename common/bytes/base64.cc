#include "common/bytes/base64.h"

#include <array>

#include "absl/status/status.h"

namespace aziot {
namespace {

constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr uint8_t kBad = 0xff;

constexpr std::array<uint8_t, 256> MakeValues() {
  std::array<uint8_t, 256> values{};
  for (auto& value : values) value = kBad;
  for (uint8_t i = 0; i < 64; ++i) values[static_cast<uint8_t>(kAlphabet[i])] = i;
  return values;
}
constexpr std::array<uint8_t, 256> kValues = MakeValues();

absl::Status Bad(const char* what) { return absl::InvalidArgumentError(what); }

// `text` without its padding.
absl::StatusOr<Bytes> Decode(absl::string_view text) {
  if (text.size() % 4 == 1) return Bad("base64: a group of one character");
  Bytes out;
  out.reserve(text.size() / 4 * 3 + 2);
  uint32_t group = 0;
  int bits = 0;
  for (const char c : text) {
    const uint8_t value = kValues[static_cast<uint8_t>(c)];
    if (value == kBad) return Bad("base64: a character outside the alphabet");
    group = group << 6 | value;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out.push_back(static_cast<uint8_t>(group >> bits));
      group &= (1u << bits) - 1;
    }
  }
  if (group != 0) return Bad("base64: bits set after the last byte");
  return out;
}

}  // namespace

std::string FormatBase64(BytesView bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  size_t i = 0;
  for (; i + 3 <= bytes.size(); i += 3) {
    const uint32_t group =
        static_cast<uint32_t>(bytes[i]) << 16 | static_cast<uint32_t>(bytes[i + 1]) << 8 | bytes[i + 2];
    out.push_back(kAlphabet[group >> 18]);
    out.push_back(kAlphabet[group >> 12 & 63]);
    out.push_back(kAlphabet[group >> 6 & 63]);
    out.push_back(kAlphabet[group & 63]);
  }
  const size_t rest = bytes.size() - i;
  if (rest == 1) {
    out.push_back(kAlphabet[bytes[i] >> 2]);
    out.push_back(kAlphabet[(bytes[i] & 3) << 4]);
    out += "==";
  } else if (rest == 2) {
    out.push_back(kAlphabet[bytes[i] >> 2]);
    out.push_back(kAlphabet[(bytes[i] & 3) << 4 | bytes[i + 1] >> 4]);
    out.push_back(kAlphabet[(bytes[i + 1] & 15) << 2]);
    out += "=";
  }
  return out;
}

absl::StatusOr<Bytes> ParseBase64(absl::string_view text) {
  if (text.size() % 4 != 0) return Bad("base64: length is not a multiple of four; padding is required");
  return ParseBase64Unpadded(text);
}

absl::StatusOr<Bytes> ParseBase64Unpadded(absl::string_view text) {
  size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  if (padding > 0 && text.size() % 4 != 0) return Bad("base64: padding does not complete a group of four");
  return Decode(text.substr(0, text.size() - padding));
}

}  // namespace aziot
