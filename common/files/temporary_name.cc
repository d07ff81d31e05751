#include "common/files/temporary_name.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/bytes/hex.h"

namespace aziot::files {
namespace {

constexpr absl::string_view kMark = ".tmp-";
constexpr size_t kRandomBytes = 8;
constexpr size_t kSuffixSize = kMark.size() + 2 * kRandomBytes;

}  // namespace

std::string NewTemporaryName(absl::string_view name) {
  std::array<uint8_t, kRandomBytes> random;
  if (getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) std::abort();
  return absl::StrCat(".", name.substr(0, NAME_MAX - 1 - kSuffixSize), kMark, FormatHex(random));
}

bool IsTemporaryName(absl::string_view name) {
  if (name.size() <= 1 + kSuffixSize || name[0] != '.') return false;
  const absl::string_view suffix = name.substr(name.size() - kSuffixSize);
  const absl::string_view digits = suffix.substr(kMark.size());
  return absl::StartsWith(suffix, kMark) && std::all_of(digits.begin(), digits.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace aziot::files
