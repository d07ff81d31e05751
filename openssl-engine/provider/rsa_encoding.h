// What an RSA signature signs: a digest made into the bytes that enter the private operation (RFC 8017,
// section 9).
#pragma once

#include "openssl-engine/base64.h"
#include "openssl-engine/provider/provider_context.h"
#include "openssl-engine/result.h"

namespace aziot::openssl_engine {

// DigestInfo of 9.2, before the padding that keyd adds. MD5+SHA1, the digest of TLS 1.0 and 1.1, stays bare.
Result<Bytes> EncodeDigestInfo(const EVP_MD* md, BytesView digest);

// EMSA-PSS of 9.1.1 for a modulus of `modulus_bits`, written over the whole length of the modulus.
Result<Bytes> EncodePss(const Software& software, const EVP_MD* md, const EVP_MD* mgf1_md, BytesView digest,
                        size_t salt_length, int modulus_bits);

}  // namespace aziot::openssl_engine
