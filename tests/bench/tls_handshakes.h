// Full TLS 1.3 handshakes in memory, both sides in one thread: what a server's key costs where it lies.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "tests/bench/load.h"

namespace aziot::bench {

// A self-signed certificate over `key`, which may be one of a provider of `libctx`.
X509* NewCertificate(EVP_PKEY* key, OSSL_LIB_CTX* libctx);

// The server has `key` and `certificate`; the client verifies it. Neither resumes a session. Everything is
// made before the first handshake and shared by all clients, as in a real server. Both must outlive the
// worker.
Worker TlsHandshakes(EVP_PKEY* key, X509* certificate);

// One signature over a short message with SHA-256.
Worker Signatures(EVP_PKEY* key);

}  // namespace aziot::bench
