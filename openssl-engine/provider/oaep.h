// RSAES-OAEP's inverse (RFC 8017, 7.1.2 step 3), for a block that keyd's raw RSA operation has opened.
#pragma once

#include "openssl-engine/base64.h"
#include "openssl-engine/owned.h"
#include "openssl-engine/result.h"

namespace aziot::openssl_engine {

// The message in `block`, which is as long as the modulus. Takes the same time whatever is wrong with it, and
// says only that something is.
Result<Bytes> DecodeOaep(BytesView block, const EVP_MD* md, const EVP_MD* mgf1_md, BytesView label);

}  // namespace aziot::openssl_engine
