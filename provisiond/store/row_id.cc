#include "provisiond/store/row_id.h"

#include "absl/time/clock.h"
#include "common/bytes/base64.h"
#include "common/bytes/hex.h"
#include "common/openssl/digest.h"

namespace aziot::provisiond::store {

std::string NewRowId() {
  Bytes id = openssl::RandomBytes(16);
  const int64_t now = absl::ToUnixMillis(absl::Now());
  for (size_t i = 0; i < 6; ++i) id[i] = static_cast<uint8_t>(now >> (40 - 8 * i));
  return FormatHex(id);
}
std::string NewEtag() { return FormatBase64(openssl::RandomBytes(8)); }

}  // namespace aziot::provisiond::store
