#include "provisiond/store/row_id.h"

#include "common/bytes/base64.h"
#include "common/bytes/hex.h"
#include "common/openssl/digest.h"

namespace aziot::provisiond::store {

std::string NewRowId() { return FormatHex(openssl::RandomBytes(16)); }
std::string NewEtag() { return FormatBase64(openssl::RandomBytes(8)); }

}  // namespace aziot::provisiond::store
