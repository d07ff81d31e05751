// The EC keys that the engine hands out: OpenSSL hashes, keyd signs the digest.
#pragma once

#include <memory>

#include "openssl-engine/owned.h"
#include "openssl-engine/remote_key.h"

namespace aziot::openssl_engine {

// Makes the method table; once a process. False when there is no memory.
bool PrepareEcMethod();

// A legacy EVP_PKEY around `remote`. Null when libcrypto fails, with its entries in the error queue.
PkeyPtr NewEcKey(std::shared_ptr<const RemoteKey> remote);

}  // namespace aziot::openssl_engine
