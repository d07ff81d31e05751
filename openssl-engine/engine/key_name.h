// The key ID argument of ENGINE_load_private_key: a URI of key_ref.h, or, as programs of earlier releases
// give it, a bare key handle.
#pragma once

#include <string_view>

#include "openssl-engine/key_ref.h"

namespace aziot::openssl_engine {

// A handle is passed on as it is. kInvalidName: empty, a handle with other than printable ASCII, a URI that
// names no key.
Result<KeyRef> ParseKeyName(std::string_view name);

}  // namespace aziot::openssl_engine
