// ECDSA signatures from the two numbers tokens and TPMs give.
#pragma once

#include "common/bytes/bytes.h"

namespace aziot::keyd::tpm2 {

// DER SEQUENCE { r, s } (RFC 3279, 2.2.3), with the shortest INTEGERs.
Bytes FormatEcdsaValue(BytesView r, BytesView s);

}  // namespace aziot::keyd::tpm2
