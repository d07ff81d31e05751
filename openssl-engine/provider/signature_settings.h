// SignatureSettings: what a caller may choose about a signature (digest, and for RSA padding, salt and mask),
// in the spellings of OpenSSL's parameters.
#pragma once

#include <openssl/core.h>
#include <openssl/rsa.h>

#include <string>

#include "openssl-engine/base64.h"
#include "openssl-engine/owned.h"
#include "openssl-engine/provider/provider_context.h"
#include "openssl-engine/result.h"

namespace aziot::openssl_engine {

struct SignatureSettings {
  KeyType type = KeyType::kEc;
  MdPtr md;  // none: the caller's bytes are signed as they are
  int padding = RSA_PKCS1_PADDING;
  int salt_length = RSA_PSS_SALTLEN_AUTO;
  MdPtr mgf1_md;           // none: md
  std::string properties;  // the caller's, for fetching digests

  SignatureSettings Copy() const;

  // Takes what it knows out of `params`; `digest_fixed`: another digest than the present one is refused.
  Result<bool> Set(const ProviderContext& provider, const OSSL_PARAM params[], bool digest_fixed);
  Result<bool> SetDigest(const ProviderContext& provider, const char* name);

  // Answers what it knows of `params`.
  bool Get(OSSL_PARAM params[], const EVP_PKEY* key) const;

  // Hands the settings to a context of the software implementation.
  bool Apply(EVP_PKEY_CTX* ctx) const;

  // The salt's length when signing with `key`. kInvalidInput when the key is too small for it.
  Result<size_t> ResolveSaltLength(const EVP_PKEY* key) const;

  static const OSSL_PARAM* Settable(KeyType type);
  static const OSSL_PARAM* Gettable(KeyType type);
};

// DER of the AlgorithmIdentifier that stands in a certificate or CSR signed so; empty when there is none.
Bytes FormatAlgorithmId(const SignatureSettings& settings, const EVP_PKEY* key);

}  // namespace aziot::openssl_engine
