// Which parameters a key is made of and which facts it answers: the tables that the core asks for.
#pragma once

#include <openssl/params.h>

#include "openssl-engine/provider/provider_context.h"

namespace aziot::openssl_engine {

// What importing or exporting `selection` takes or gives; null when there is nothing of it.
const OSSL_PARAM* KeyParams(KeyType type, int selection);

// What KEYMGMT get_params answers.
const OSSL_PARAM* KeyFacts(KeyType type);

// What KEYMGMT set_params takes, for software keys.
const OSSL_PARAM* ChangeableKeyFacts();

}  // namespace aziot::openssl_engine
