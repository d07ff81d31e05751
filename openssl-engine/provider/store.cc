// STORE: the URI scheme `aziot`. Opening reads the name; loading asks keyd for the public half and hands the
// core a reference that our KEYMGMT turns into the key.
#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/params.h>
#include <openssl/store.h>

#include <string>

#include "openssl-engine/key_ref.h"
#include "openssl-engine/provider/dispatch.h"
#include "openssl-engine/provider/key.h"

namespace aziot::openssl_engine {
namespace {

struct Opened {
  const ProviderContext* provider;
  KeyRef name;
  int expected = 0;  // a number of OSSL_STORE_INFO_..., 0 for anything
  bool done = false;
};

bool WantsKey(const Opened& opened) {
  return opened.expected == 0 || opened.expected == OSSL_STORE_INFO_PKEY ||
         opened.expected == OSSL_STORE_INFO_PUBKEY;
}

void* Open(void* provider, const char* uri) {
  return Guarded<void*>(nullptr, [&]() -> void* {
    const auto* context = static_cast<const ProviderContext*>(provider);
    Result<KeyRef> name = ParseKeyRef(uri);
    if (!name.ok()) {
      context->Raise(name.failure());
      return nullptr;
    }
    return new Opened{context, *std::move(name)};
  });
}

const OSSL_PARAM* SettableParams(void*) {
  static const OSSL_PARAM kParams[] = {OSSL_PARAM_int(OSSL_STORE_PARAM_EXPECT, nullptr), OSSL_PARAM_END};
  return kParams;
}

int SetParams(void* context, const OSSL_PARAM params[]) {
  const OSSL_PARAM* expect = OSSL_PARAM_locate_const(params, OSSL_STORE_PARAM_EXPECT);
  return expect == nullptr || OSSL_PARAM_get_int(expect, &static_cast<Opened*>(context)->expected) == 1;
}

std::unique_ptr<Key> LoadKey(const Opened& opened) {
  const ProviderContext& provider = *opened.provider;
  Result<std::shared_ptr<const RemoteKey>> remote =
      RemoteKey::Open(opened.name, provider.endpoint(), provider.software());
  if (!remote.ok()) {
    provider.Raise(remote.failure());
    return nullptr;
  }
  auto key = std::make_unique<Key>(Key{&provider, (*remote)->is_rsa() ? KeyType::kRsa : KeyType::kEc,
                                       Share((*remote)->public_key()), nullptr});
  if (opened.expected != OSSL_STORE_INFO_PUBKEY) {
    key->remote = *std::move(remote);
    key->has_private = true;
  }
  return key;
}

int Load(void* context, OSSL_CALLBACK* object, void* object_argument, OSSL_PASSPHRASE_CALLBACK*, void*) {
  return Guarded(0, [&] {
    Opened& opened = *static_cast<Opened*>(context);
    // Also after a failure: callers loop until the end is reached, and would ask keyd for ever.
    opened.done = true;
    if (!WantsKey(opened)) return 0;
    std::unique_ptr<Key> key = LoadKey(opened);
    if (key == nullptr) return 0;
    int kind = OSSL_OBJECT_PKEY;
    std::string type = NameOf(key->type);
    Key* holder = key.release();
    Key** reference = &holder;
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &kind),
        OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA_TYPE, type.data(), type.size()),
        OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_REFERENCE, &reference, sizeof reference),
        OSSL_PARAM_construct_end(),
    };
    const int taken = object(params, object_argument);
    delete holder;  // null when KEYMGMT took it
    return taken;
  });
}

int Eof(void* context) {
  const Opened& opened = *static_cast<const Opened*>(context);
  return opened.done || !WantsKey(opened);
}

int Close(void* context) {
  delete static_cast<Opened*>(context);
  return 1;
}

const OSSL_DISPATCH kTable[] = {
    Entry<OSSL_FUNC_store_open_fn>(OSSL_FUNC_STORE_OPEN, Open),
    Entry<OSSL_FUNC_store_settable_ctx_params_fn>(OSSL_FUNC_STORE_SETTABLE_CTX_PARAMS, SettableParams),
    Entry<OSSL_FUNC_store_set_ctx_params_fn>(OSSL_FUNC_STORE_SET_CTX_PARAMS, SetParams),
    Entry<OSSL_FUNC_store_load_fn>(OSSL_FUNC_STORE_LOAD, Load),
    Entry<OSSL_FUNC_store_eof_fn>(OSSL_FUNC_STORE_EOF, Eof),
    Entry<OSSL_FUNC_store_close_fn>(OSSL_FUNC_STORE_CLOSE, Close),
    kNoMoreEntries,
};

}  // namespace

const OSSL_ALGORITHM kStoreAlgorithms[] = {
    {"aziot", kProperties, kTable, "keys of keyd by URI"},
    {nullptr, nullptr, nullptr, nullptr},
};

}  // namespace aziot::openssl_engine
