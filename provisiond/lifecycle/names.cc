#include "provisiond/lifecycle/names.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "common/ids/utf8.h"

namespace aziot::provisiond {
namespace {

constexpr size_t kLongest = 128;

bool IsAlnum(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)); }

bool AllOf(absl::string_view text, absl::string_view others) {
  return !text.empty() && text.size() <= kLongest && std::all_of(text.begin(), text.end(), [&](char c) {
    return IsAlnum(c) || absl::StrContains(others, c);
  });
}

}  // namespace

bool IsRegistrationId(absl::string_view text) {
  return AllOf(text, "-._:") && (IsAlnum(text.back()) || text.back() == '-');
}

bool IsGroupId(absl::string_view text) {
  return AllOf(text, "-._") && (IsAlnum(text.back()) || text.back() == '-');
}

bool IsDeviceId(absl::string_view text) { return AllOf(text, "-.+%_#*?!(),:=@$'"); }

bool IsReason(absl::string_view text) {
  const auto characters = std::count_if(text.begin(), text.end(),
                                        [](char c) { return (static_cast<uint8_t>(c) & 0xc0) != 0x80; });
  return static_cast<size_t>(characters) <= kLongest && IsUtf8(text);
}

bool IsIdScope(absl::string_view text) {
  return text.size() >= 11 && text.size() <= 64 && absl::StartsWithIgnoreCase(text, "0ne") &&
         std::all_of(text.begin(), text.end(), IsAlnum);
}

}  // namespace aziot::provisiond
