// The RSA keys that the engine hands out: OpenSSL hashes and pads, keyd does the private operation.
#pragma once

#include <memory>

#include "openssl-engine/owned.h"
#include "openssl-engine/remote_key.h"

namespace aziot::openssl_engine {

// Makes the method table; once a process. False when there is no memory.
bool PrepareRsaMethod();

// A legacy EVP_PKEY around `remote`. Null when libcrypto fails, with its entries in the error queue.
PkeyPtr NewRsaKey(std::shared_ptr<const RemoteKey> remote);

}  // namespace aziot::openssl_engine
