// Key generation, passed on to the software implementation: no key is made in keyd this way. It exists
// because OpenSSL takes the first active KEYMGMT for the ephemeral keys of a TLS handshake, which is ours
// when it stands first.
#pragma once

#include <openssl/core.h>

#include "openssl-engine/provider/provider_context.h"

namespace aziot::openssl_engine {

template <KeyType type>
void* GenerationInit(void* provider, int selection, const OSSL_PARAM params[]);
extern template void* GenerationInit<KeyType::kRsa>(void*, int, const OSSL_PARAM[]);
extern template void* GenerationInit<KeyType::kEc>(void*, int, const OSSL_PARAM[]);

template <KeyType type>
const OSSL_PARAM* GenerationSettableParams(void* generation, void* provider);
extern template const OSSL_PARAM* GenerationSettableParams<KeyType::kRsa>(void*, void*);
extern template const OSSL_PARAM* GenerationSettableParams<KeyType::kEc>(void*, void*);

int GenerationSetTemplate(void* generation, void* key);
int GenerationSetParams(void* generation, const OSSL_PARAM params[]);
void* Generate(void* generation, OSSL_CALLBACK* progress, void* argument);
void GenerationCleanup(void* generation);

}  // namespace aziot::openssl_engine
