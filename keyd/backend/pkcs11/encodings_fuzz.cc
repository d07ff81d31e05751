// What a module gives as CKA_EC_POINT, as a signature and as CKA_ID.
#include <cstdlib>

#include "keyd/backend/pkcs11/encodings.h"
#include "keyd/backend/pkcs11/object_name.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace pkcs11 = aziot::keyd::pkcs11;
  const aziot::BytesView bytes(data, size);
  if (const auto point = pkcs11::CompressedPoint(bytes); point.ok()) {
    // A compressed point stays what it is.
    if (point->size() < 2 || ((*point)[0] & 0xfe) != 2) std::abort();
    const auto again = pkcs11::CompressedPoint(*point);
    if (!again.ok() || *again != *point) std::abort();
  }
  if (const auto der = pkcs11::DerSignature(bytes); der.ok()) {
    if (size % 2 != 0 || (*der)[0] != 0x30) std::abort();
  }
  for (const size_t order : {size_t{32}, size_t{66}}) {
    if (pkcs11::FittedDigest(bytes, order).size() != order) std::abort();
  }
  if (const auto number = pkcs11::NumberOfMarker(bytes); number.has_value() && size != 20) std::abort();
  const std::string label(reinterpret_cast<const char*>(data), size);
  if (pkcs11::LabelOfAside(pkcs11::AsideLabel(label)) != label) std::abort();
  return 0;
}
