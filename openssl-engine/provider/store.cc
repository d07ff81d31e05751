// STORE: the URI scheme `aziot`. Opening reads the name; loading asks keyd for the public half and hands the
// core a reference that our KEYMGMT turns into the key, or asks certd for a chain and hands over one
// certificate after the other.
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/store.h>

#include <deque>

#include "openssl-engine/cert_chain.h"
#include "openssl-engine/key_ref.h"
#include "openssl-engine/provider/dispatch.h"
#include "openssl-engine/provider/loading.h"

namespace aziot::openssl_engine {
namespace {

struct Opened {
  const ProviderContext* provider;
  KeyRef name;
  int expected = 0;  // a number of OSSL_STORE_INFO_..., 0 for anything
  bool done = false;
  std::deque<Bytes> chain;  // certificates that are not handed over yet
};

bool NamesCertificate(const Opened& opened) { return !opened.name.cert_id.empty(); }

bool Wants(const Opened& opened) {
  if (opened.expected == 0) return true;
  if (NamesCertificate(opened)) return opened.expected == OSSL_STORE_INFO_CERT;
  return opened.expected == OSSL_STORE_INFO_PKEY || opened.expected == OSSL_STORE_INFO_PUBKEY;
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

// The whole chain is fetched with the first certificate.
int LoadCertificate(Opened& opened, OSSL_CALLBACK* object, void* argument) {
  if (!opened.done) {
    const Result<std::vector<Bytes>> chain = FetchCertChain(opened.name, opened.provider->certd());
    opened.done = true;
    if (!chain.ok()) {
      opened.provider->Raise(chain.failure());
      return 0;
    }
    opened.chain.assign(chain->begin(), chain->end());
  }
  if (opened.chain.empty()) return 0;
  const Bytes certificate = std::move(opened.chain.front());
  opened.chain.pop_front();
  return HandOver(certificate, object, argument);
}

int Load(void* context, OSSL_CALLBACK* object, void* argument, OSSL_PASSPHRASE_CALLBACK*, void*) {
  return Guarded(0, [&] {
    Opened& opened = *static_cast<Opened*>(context);
    if (Wants(opened) && NamesCertificate(opened)) return LoadCertificate(opened, object, argument);
    // Also after a failure: callers loop until the end is reached, and would ask keyd for ever.
    opened.done = true;
    if (!Wants(opened)) return 0;
    const Half half = opened.expected == OSSL_STORE_INFO_PUBKEY ? Half::kPublic : Half::kBoth;
    Result<std::unique_ptr<Key>> key = LoadKey(*opened.provider, opened.name, half);
    return key.ok() ? HandOver(*std::move(key), object, argument) : 0;
  });
}

int Eof(void* context) {
  const Opened& opened = *static_cast<const Opened*>(context);
  return (opened.done && opened.chain.empty()) || !Wants(opened);
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
    {"aziot", kProperties, kTable, "keys of keyd and certificates of certd by URI"},
    {nullptr, nullptr, nullptr, nullptr},
};

}  // namespace aziot::openssl_engine
