#include "keyd/backend/worker/functions.h"

#include <cstdlib>

namespace aziot::keyd::worker {
namespace {

namespace v1 = keys::worker::v1;

// A repeated import could undo one that came in between, a repeated move or deletion meet what is new.
constexpr FunctionFacts kFunctions[] = {
    {v1::FUNCTION_CREATE_KEY, "CreateKey", Duration::kCreation, true},
    {v1::FUNCTION_IMPORT_KEY, "ImportKey", Duration::kCreation, false},
    {v1::FUNCTION_LOAD_KEY, "LoadKey", Duration::kLookup, true},
    {v1::FUNCTION_DELETE_KEY, "DeleteKey", Duration::kUse, false},
    {v1::FUNCTION_HMAC, "Hmac", Duration::kUse, true},
    {v1::FUNCTION_VERIFY_HMAC, "VerifyHmac", Duration::kUse, true},
    {v1::FUNCTION_DERIVE, "Derive", Duration::kUse, true},
    {v1::FUNCTION_ENCRYPT, "Encrypt", Duration::kUse, true},
    {v1::FUNCTION_DECRYPT, "Decrypt", Duration::kUse, true},
    {v1::FUNCTION_CREATE_KEY_PAIR, "CreateKeyPair", Duration::kCreation, true},
    {v1::FUNCTION_LOAD_KEY_PAIR, "LoadKeyPair", Duration::kLookup, true},
    {v1::FUNCTION_MOVE_KEY_PAIR, "MoveKeyPair", Duration::kUse, false},
    {v1::FUNCTION_DELETE_KEY_PAIR, "DeleteKeyPair", Duration::kUse, false},
    {v1::FUNCTION_FAMILY_OF, "FamilyOf", Duration::kLookup, true},
    {v1::FUNCTION_PUBLIC_PARAMETER, "PublicParameter", Duration::kLookup, true},
    {v1::FUNCTION_SIGN_DIGEST, "SignDigest", Duration::kUse, true},
    {v1::FUNCTION_RSA_PRIVATE, "RsaPrivate", Duration::kUse, true},
};

}  // namespace

const FunctionFacts& FactsOf(v1::Function function) {
  for (const FunctionFacts& facts : kFunctions) {
    if (facts.function == function) return facts;
  }
  std::abort();  // our own mistake: RemoteBackend names only these
}

}  // namespace aziot::keyd::worker
