#include "openssl-engine/provider/key_generation.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

#include "openssl-engine/provider/dispatch.h"
#include "openssl-engine/provider/key.h"

namespace aziot::openssl_engine {
namespace {

struct Generation {
  const ProviderContext* provider;
  KeyType type;
  bool with_key;  // false: domain parameters only
  PkeyCtxPtr ctx;
};

bool Init(Generation& generation) {
  if (generation.ctx == nullptr) return false;
  EVP_PKEY_CTX* const ctx = generation.ctx.get();
  return (generation.with_key ? EVP_PKEY_keygen_init(ctx) : EVP_PKEY_paramgen_init(ctx)) > 0;
}

const OSSL_PARAM kRsaSettable[] = {
    OSSL_PARAM_size_t(OSSL_PKEY_PARAM_RSA_BITS, nullptr),
    OSSL_PARAM_size_t(OSSL_PKEY_PARAM_RSA_PRIMES, nullptr),
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, nullptr, 0),
    OSSL_PARAM_END,
};
const OSSL_PARAM kEcSettable[] = {
    OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, nullptr, 0),
    OSSL_PARAM_int(OSSL_PKEY_PARAM_USE_COFACTOR_ECDH, nullptr),
    OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_ENCODING, nullptr, 0),
    OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, nullptr, 0),
    OSSL_PARAM_END,
};

}  // namespace

template <KeyType type>
void* GenerationInit(void* provider, int selection, const OSSL_PARAM params[]) {
  return Guarded<void*>(nullptr, [&]() -> void* {
    const auto* context = static_cast<const ProviderContext*>(provider);
    const Software software = context->software();
    PkeyCtxPtr ctx(
        EVP_PKEY_CTX_new_from_name(software.libctx, FetchName(type == KeyType::kRsa), software.properties));
    std::unique_ptr<Generation> generation(
        new Generation{context, type, (selection & OSSL_KEYMGMT_SELECT_KEYPAIR) != 0, std::move(ctx)});
    if (!Init(*generation) || GenerationSetParams(generation.get(), params) != 1) return nullptr;
    return generation.release();
  });
}
template void* GenerationInit<KeyType::kRsa>(void*, int, const OSSL_PARAM[]);
template void* GenerationInit<KeyType::kEc>(void*, int, const OSSL_PARAM[]);

template <KeyType type>
const OSSL_PARAM* GenerationSettableParams(void*, void*) {
  return type == KeyType::kRsa ? kRsaSettable : kEcSettable;
}
template const OSSL_PARAM* GenerationSettableParams<KeyType::kRsa>(void*, void*);
template const OSSL_PARAM* GenerationSettableParams<KeyType::kEc>(void*, void*);

int GenerationSetTemplate(void* generation, void* key) {
  auto& state = *static_cast<Generation*>(generation);
  const Key& model = *static_cast<const Key*>(key);
  if (state.type == KeyType::kRsa) return 1;  // RSA keys have no common parameters
  if (model.pkey == nullptr) return 0;
  state.ctx = model.NewContext();
  return Init(state);
}

int GenerationSetParams(void* generation, const OSSL_PARAM params[]) {
  if (params == nullptr || params->key == nullptr) return 1;
  return EVP_PKEY_CTX_set_params(static_cast<Generation*>(generation)->ctx.get(), params) > 0;
}

void* Generate(void* generation, OSSL_CALLBACK*, void*) {
  return Guarded<void*>(nullptr, [&]() -> void* {
    auto& state = *static_cast<Generation*>(generation);
    EVP_PKEY* made = nullptr;
    if (EVP_PKEY_generate(state.ctx.get(), &made) <= 0) return nullptr;
    PkeyPtr owned(made);
    return new Key{state.provider, state.type, std::move(owned), nullptr, state.with_key};
  });
}

void GenerationCleanup(void* generation) { delete static_cast<Generation*>(generation); }

}  // namespace aziot::openssl_engine
