// HeldKey: how a RemoteKey hangs on an RSA or EC_KEY object: as its ex-data, one holder for each object.
// OpenSSL asks for a copy when it copies the object and for the end when it frees it.
#pragma once

#include <openssl/crypto.h>

#include <memory>

#include "openssl-engine/remote_key.h"

namespace aziot::openssl_engine {

struct HeldKey {
  std::shared_ptr<const RemoteKey> remote;
};

// A new ex-data index of `kind` (CRYPTO_EX_INDEX_RSA, CRYPTO_EX_INDEX_EC_KEY); -1 when there is no memory.
int NewHeldKeyIndex(int kind);

}  // namespace aziot::openssl_engine
