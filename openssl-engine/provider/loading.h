// How a key or certificate that a URI names comes to the core: asked of the daemon, then handed to a callback
// as an object. Store and decoder share it.
#pragma once

#include <openssl/core.h>

#include <memory>

#include "openssl-engine/base64.h"
#include "openssl-engine/key_ref.h"
#include "openssl-engine/provider/key.h"

namespace aziot::openssl_engine {

enum class Half { kPublic, kBoth };

// The key of keyd named so; a failure has its entry in the error queue. Null when the key is of the other
// type than the one that is wanted.
Result<std::unique_ptr<Key>> LoadKey(const ProviderContext& provider, const KeyRef& name, Half half,
                                     RemoteKey::Wanted wanted = RemoteKey::Wanted::kAny);

// Hands over a reference that our KEYMGMT takes, or the DER of a certificate; what `object` answers.
int HandOver(std::unique_ptr<Key> key, OSSL_CALLBACK* object, void* argument);
int HandOver(const Bytes& certificate, OSSL_CALLBACK* object, void* argument);

}  // namespace aziot::openssl_engine
