#include "keyd/backend/tpm2/ecdsa_value.h"

#include <algorithm>

#include "keyd/backend/tpm2/der.h"

namespace aziot::keyd::tpm2 {
namespace {

Bytes FormatInteger(BytesView number) {
  const auto first = std::find_if(number.begin(), number.end(), [](uint8_t byte) { return byte != 0; });
  Bytes content(first, number.end());
  // DER's INTEGER is signed: a set top bit would make it negative.
  if (content.empty() || (content[0] & 0x80) != 0) content.insert(content.begin(), 0);
  return DerElement(kDerInteger, content);
}

}  // namespace

Bytes FormatEcdsaValue(BytesView r, BytesView s) {
  Bytes both = FormatInteger(r);
  const Bytes second = FormatInteger(s);
  both.insert(both.end(), second.begin(), second.end());
  return DerElement(kDerSequence, both);
}

}  // namespace aziot::keyd::tpm2
