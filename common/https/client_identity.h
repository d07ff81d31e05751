// ClientIdentity: what a request shows to a server that demands a certificate. The key may stay elsewhere:
// any EVP_PKEY does, also one of a provider in a library context of its own, which libcurl knows nothing of.
#pragma once

#include <openssl/ssl.h>

#include <vector>

#include "absl/status/status.h"
#include "common/openssl/owned.h"

namespace aziot::https {

struct ClientIdentity {
  std::vector<openssl::X509Ptr> chain;  // leaf first, without the root
  openssl::PkeyPtr key;                 // of the leaf
};

// Puts `identity` into the settings of a connection. kInternal when libssl takes it not, because the key is
// not the leaf's for example.
absl::Status Apply(const ClientIdentity& identity, SSL_CTX& context);

}  // namespace aziot::https
