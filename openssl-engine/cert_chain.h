// CertChain: a certificate of certd with its issuers, as DER. Certificates are public: anyone who may open
// certd's socket gets them.
#pragma once

#include <string_view>
#include <vector>

#include "openssl-engine/base64.h"
#include "openssl-engine/key_ref.h"
#include "openssl-engine/result.h"
#include "openssl-engine/transport.h"

namespace aziot::openssl_engine {

// Asks certd for the chain of `ref.cert_id`, leaf first; at least one certificate.
Result<std::vector<Bytes>> FetchCertChain(const KeyRef& ref, Endpoint endpoint);

// The certificates of a PEM text in their order. kBadAnswer when there is none, or one is broken.
Result<std::vector<Bytes>> ParseCertChain(std::string_view pem);

}  // namespace aziot::openssl_engine
