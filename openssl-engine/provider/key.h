// Key: what our KEYMGMT hands to the core as key data. Either a key of keyd (`remote` set, `pkey` its public
// half), or a software key: OpenSSL also brings foreign public keys here to compare, and, when this provider
// stands before the default one, ephemeral and file keys. Those live wholly in `pkey`, an object of the child
// context, and every operation on them is passed on to it, so the order of activation does not matter.
#pragma once

#include <memory>

#include "openssl-engine/owned.h"
#include "openssl-engine/provider/provider_context.h"
#include "openssl-engine/remote_key.h"

namespace aziot::openssl_engine {

struct Key {
  const ProviderContext* provider;
  KeyType type;
  PkeyPtr pkey;
  std::shared_ptr<const RemoteKey> remote;
  bool has_private = false;

  // Another holder of the same key.
  Key Copy() const { return {provider, type, Share(pkey.get()), remote, has_private}; }
  PkeyCtxPtr NewContext() const {
    const Software software = provider->software();
    return PkeyCtxPtr(EVP_PKEY_CTX_new_from_pkey(software.libctx, pkey.get(), software.properties));
  }
};

inline const char* NameOf(KeyType type) { return type == KeyType::kRsa ? "RSA" : "EC"; }

}  // namespace aziot::openssl_engine
