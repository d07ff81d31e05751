// The little of DER (ITU-T X.690) that the key files need: elements taken one after the other, and written.
#pragma once

#include <cstdint>
#include <optional>

#include "common/bytes/bytes.h"

namespace aziot::keyd::tpm2 {

enum DerTag : uint8_t {
  kDerBoolean = 0x01,
  kDerInteger = 0x02,
  kDerOctetString = 0x04,
  kDerOid = 0x06,
  kDerSequence = 0x30,
  kDerExplicit0 = 0xa0,  // [0] EXPLICIT; [1] and so on follow
};

class DerReader {
 public:
  explicit DerReader(BytesView bytes) : rest_(bytes) {}

  bool empty() const { return rest_.empty(); }
  bool NextIs(uint8_t tag) const { return !rest_.empty() && rest_[0] == tag; }
  // The content of the next element; nullopt when it has another tag, or is not whole.
  std::optional<BytesView> Take(uint8_t tag);

 private:
  BytesView rest_;
};

Bytes DerElement(uint8_t tag, BytesView content);

}  // namespace aziot::keyd::tpm2
