// What parses is written and read back as the same location (a token name beside a slot number is not
// written).
#include <cstdlib>

#include "common/bytes/bytes.h"
#include "common/uri/uri.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using aziot::uri::Pkcs11Uri;
  absl::StatusOr<aziot::uri::Uri> uri = aziot::uri::Parse(aziot::ToText({data, size}));
  if (!uri.ok()) return 0;
  if (Pkcs11Uri* pkcs11 = std::get_if<Pkcs11Uri>(&*uri); pkcs11 != nullptr && pkcs11->slot_id.has_value()) {
    pkcs11->token.reset();
  }
  const absl::StatusOr<aziot::uri::Uri> again = aziot::uri::Parse(aziot::uri::Format(*uri));
  if (!again.ok() || *again != *uri) std::abort();
  return 0;
}
