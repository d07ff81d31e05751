#include "common/openssl/hashed_name.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/bytes/hex.h"
#include "common/openssl/digest.h"

namespace aziot::openssl {

std::string HashedName(absl::string_view id) {
  std::string letters;
  for (const char c : id) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c))) letters.push_back(c);
  }
  return absl::StrCat(letters, "-", FormatHex(Sha256(ToBytesView(id))));
}

}  // namespace aziot::openssl
