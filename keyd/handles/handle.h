// What a key handle that was checked names.
#pragma once

#include "common/bytes/bytes.h"
#include "common/ids/id.h"

namespace aziot::keyd {

struct Handle {
  enum class Kind { kKeyPair, kKey, kDerived };
  Kind kind = Kind::kKey;
  KeyId id;               // of kDerived: the base key's
  Bytes derivation_data;  // of kDerived
};

}  // namespace aziot::keyd
