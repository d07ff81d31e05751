// The peer of keys behind OpenSSL: libengine-pkcs11-openssl before a SoftHSM token, all in one process.
#pragma once

#include <openssl/evp.h>

#include <string>

#include "tests/bench/load.h"

namespace aziot::bench {

class Pkcs11EnginePeer {
 public:
  // Its files go into `directory`. Ends the process when there is no token.
  explicit Pkcs11EnginePeer(const std::string& directory);

  // Handshakes with `key` and its certificate, imported into the token.
  Worker TlsHandshakes(EVP_PKEY* key, X509* certificate, const std::string& label);

 private:
  std::string directory_;
};

}  // namespace aziot::bench
