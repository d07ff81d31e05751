// KEYMGMT: the life of a Key as the core sees it. Loading by reference is how a key comes from our STORE.
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>

#include "openssl-engine/provider/dispatch.h"
#include "openssl-engine/provider/key.h"
#include "openssl-engine/provider/key_generation.h"
#include "openssl-engine/provider/key_params.h"

namespace aziot::openssl_engine {
namespace {

// The core also asks about a key that has no key data yet: it then sees one without any parts.
const Key& Ref(const void* key) {
  static const Key kNoKey{nullptr, KeyType::kEc, {}, {}};
  return key == nullptr ? kNoKey : *static_cast<const Key*>(key);
}

template <KeyType type>
void* New(void* provider) {
  return Guarded<void*>(nullptr, [&] {
    return new Key{static_cast<const ProviderContext*>(provider), type, {}, {}};
  });
}

void Free(void* key) { delete static_cast<Key*>(key); }

// The reference is the address of a pointer to a Key; taking it moves the ownership here.
template <KeyType type>
void* Load(const void* reference, size_t size) {
  if (size != sizeof(Key*)) return nullptr;
  Key** holder = *static_cast<Key** const*>(reference);
  if (holder == nullptr || *holder == nullptr || (*holder)->type != type) return nullptr;
  return std::exchange(*holder, nullptr);
}

// A key read from parameters alone has a group but no point.
bool HasPublic(const Key& key) {
  if (key.type == KeyType::kRsa) return true;
  size_t length = 0;
  ERR_set_mark();
  const int found =
      EVP_PKEY_get_octet_string_param(key.pkey.get(), OSSL_PKEY_PARAM_PUB_KEY, nullptr, 0, &length);
  ERR_pop_to_mark();
  return found == 1 && length > 0;
}

int Has(const void* keydata, int selection) {
  const Key& key = Ref(keydata);
  if ((selection & (OSSL_KEYMGMT_SELECT_KEYPAIR | OSSL_KEYMGMT_SELECT_ALL_PARAMETERS)) == 0) return 1;
  if (key.pkey == nullptr) return 0;
  // TLS refuses a key that says it has no private half; ours has one, in keyd.
  if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 && !key.has_private) return 0;
  return (selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) == 0 || HasPublic(key);
}

int Match(const void* a, const void* b, int selection) {
  EVP_PKEY* const left = Ref(a).pkey.get();
  EVP_PKEY* const right = Ref(b).pkey.get();
  if (left == nullptr || right == nullptr) return 0;
  if ((selection & OSSL_KEYMGMT_SELECT_KEYPAIR) != 0) return EVP_PKEY_eq(left, right) == 1;
  // RSA has no parameters to differ in.
  return Ref(a).type == KeyType::kRsa || EVP_PKEY_parameters_eq(left, right) == 1;
}

int Import(void* keydata, int selection, const OSSL_PARAM params[]) {
  if (keydata == nullptr) return 0;
  Key& key = *static_cast<Key*>(keydata);
  if (key.remote != nullptr) return 0;
  const Software software = key.provider->software();
  const PkeyCtxPtr ctx(
      EVP_PKEY_CTX_new_from_name(software.libctx, FetchName(key.type == KeyType::kRsa), software.properties));
  EVP_PKEY* made = nullptr;
  if (ctx == nullptr || EVP_PKEY_fromdata_init(ctx.get()) <= 0 ||
      EVP_PKEY_fromdata(ctx.get(), &made, selection, const_cast<OSSL_PARAM*>(params)) <= 0) {
    return 0;
  }
  key.pkey.reset(made);
  const char* secret = key.type == KeyType::kRsa ? OSSL_PKEY_PARAM_RSA_D : OSSL_PKEY_PARAM_PRIV_KEY;
  key.has_private = (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 &&
                    OSSL_PARAM_locate_const(params, secret) != nullptr;
  return 1;
}

// Refusing the private half of a key of keyd is also what sends an operation back to us: OpenSSL first tries
// to carry the key to another provider's implementation. That attempt is normal, so it leaves no error behind
// (libssl would take one for its own).
int Export(void* keydata, int selection, OSSL_CALLBACK* callback, void* argument) {
  const Key& key = Ref(keydata);
  if (key.pkey == nullptr) return 0;
  if (key.remote != nullptr && (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0) return 0;
  return EVP_PKEY_export(key.pkey.get(), selection, callback, argument);
}

void* Dup(const void* keydata, int selection) {
  return Guarded<void*>(nullptr, [&]() -> void* {
    if (keydata == nullptr) return nullptr;
    const Key& key = Ref(keydata);
    const bool nothing = key.type == KeyType::kRsa && (selection & OSSL_KEYMGMT_SELECT_KEYPAIR) == 0;
    if (key.pkey == nullptr || nothing) return new Key{key.provider, key.type, {}, {}};
    if ((selection & OSSL_KEYMGMT_SELECT_KEYPAIR) == OSSL_KEYMGMT_SELECT_KEYPAIR) {
      auto copy = std::make_unique<Key>(key.Copy());
      // A key of keyd is never changed after loading, so its copies may share it.
      if (key.remote == nullptr) copy->pkey.reset(EVP_PKEY_dup(key.pkey.get()));
      return copy->pkey == nullptr ? nullptr : copy.release();
    }
    if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0) return nullptr;
    OSSL_PARAM* params = nullptr;
    if (EVP_PKEY_todata(key.pkey.get(), selection, &params) != 1) return nullptr;
    const ParamsPtr owned(params);
    auto copy = std::make_unique<Key>(Key{key.provider, key.type, {}, {}});
    return Import(copy.get(), selection, params) == 1 ? copy.release() : nullptr;
  });
}

// bits, security-bits, max-size, group and the rest are facts of the public half; libcrypto knows them all.
int GetParams(void* keydata, OSSL_PARAM params[]) {
  const Key& key = Ref(keydata);
  return key.pkey != nullptr && EVP_PKEY_get_params(key.pkey.get(), params) == 1;
}

int SetParams(void* keydata, const OSSL_PARAM params[]) {
  const Key& key = Ref(keydata);
  if (params == nullptr || params->key == nullptr) return 1;
  if (key.remote != nullptr) {
    key.provider->Raise({Reason::kNotSupported, "a key of keyd cannot be changed"});
    return 0;
  }
  return key.pkey != nullptr && EVP_PKEY_set_params(key.pkey.get(), const_cast<OSSL_PARAM*>(params)) == 1;
}

int Validate(const void* keydata, int selection, int check_type) {
  const Key& key = Ref(keydata);
  const PkeyCtxPtr ctx = key.pkey == nullptr ? nullptr : key.NewContext();
  if (ctx == nullptr) return 0;
  const bool parameters = (selection & OSSL_KEYMGMT_SELECT_DOMAIN_PARAMETERS) != 0;
  const bool quick = check_type == OSSL_KEYMGMT_VALIDATE_QUICK_CHECK;
  if (parameters && key.type == KeyType::kEc && EVP_PKEY_param_check(ctx.get()) != 1) return 0;
  if ((selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) != 0 &&
      (quick ? EVP_PKEY_public_check_quick(ctx.get()) : EVP_PKEY_public_check(ctx.get())) != 1) {
    return 0;
  }
  if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) == 0 || key.remote != nullptr) return 1;
  const bool pair = (selection & OSSL_KEYMGMT_SELECT_KEYPAIR) == OSSL_KEYMGMT_SELECT_KEYPAIR;
  return (pair ? EVP_PKEY_pairwise_check(ctx.get()) : EVP_PKEY_private_check(ctx.get())) == 1;
}

template <KeyType type>
const char* QueryOperationName(int operation) {
  if (type == KeyType::kRsa) return "RSA";
  if (operation == OSSL_OP_SIGNATURE) return "ECDSA";
  return operation == OSSL_OP_KEYEXCH ? "ECDH"
                                      : "EC";  // ECDH is never ours, but software keys are taken to it
}

template <KeyType type>
const OSSL_PARAM* TypesFor(int selection) {
  return KeyParams(type, selection);
}

template <KeyType type>
const OSSL_PARAM* ExportTypes(int selection) {
  if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0) return nullptr;
  return KeyParams(type, selection);
}

template <KeyType type>
const OSSL_PARAM* GettableParams(void*) {
  return KeyFacts(type);
}

const OSSL_PARAM* SettableParams(void*) { return ChangeableKeyFacts(); }

template <KeyType type>
const OSSL_DISPATCH* Table() {
  static const OSSL_DISPATCH kTable[] = {
      Entry<OSSL_FUNC_keymgmt_new_fn>(OSSL_FUNC_KEYMGMT_NEW, New<type>),
      Entry<OSSL_FUNC_keymgmt_free_fn>(OSSL_FUNC_KEYMGMT_FREE, Free),
      Entry<OSSL_FUNC_keymgmt_load_fn>(OSSL_FUNC_KEYMGMT_LOAD, Load<type>),
      Entry<OSSL_FUNC_keymgmt_has_fn>(OSSL_FUNC_KEYMGMT_HAS, Has),
      Entry<OSSL_FUNC_keymgmt_match_fn>(OSSL_FUNC_KEYMGMT_MATCH, Match),
      Entry<OSSL_FUNC_keymgmt_validate_fn>(OSSL_FUNC_KEYMGMT_VALIDATE, Validate),
      Entry<OSSL_FUNC_keymgmt_import_fn>(OSSL_FUNC_KEYMGMT_IMPORT, Import),
      Entry<OSSL_FUNC_keymgmt_import_types_fn>(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, TypesFor<type>),
      Entry<OSSL_FUNC_keymgmt_export_fn>(OSSL_FUNC_KEYMGMT_EXPORT, Export),
      Entry<OSSL_FUNC_keymgmt_export_types_fn>(OSSL_FUNC_KEYMGMT_EXPORT_TYPES, ExportTypes<type>),
      Entry<OSSL_FUNC_keymgmt_dup_fn>(OSSL_FUNC_KEYMGMT_DUP, Dup),
      Entry<OSSL_FUNC_keymgmt_get_params_fn>(OSSL_FUNC_KEYMGMT_GET_PARAMS, GetParams),
      Entry<OSSL_FUNC_keymgmt_gettable_params_fn>(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, GettableParams<type>),
      Entry<OSSL_FUNC_keymgmt_set_params_fn>(OSSL_FUNC_KEYMGMT_SET_PARAMS, SetParams),
      Entry<OSSL_FUNC_keymgmt_settable_params_fn>(OSSL_FUNC_KEYMGMT_SETTABLE_PARAMS, SettableParams),
      Entry<OSSL_FUNC_keymgmt_query_operation_name_fn>(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME,
                                                       QueryOperationName<type>),
      Entry<OSSL_FUNC_keymgmt_gen_init_fn>(OSSL_FUNC_KEYMGMT_GEN_INIT, GenerationInit<type>),
      Entry<OSSL_FUNC_keymgmt_gen_set_template_fn>(OSSL_FUNC_KEYMGMT_GEN_SET_TEMPLATE, GenerationSetTemplate),
      Entry<OSSL_FUNC_keymgmt_gen_set_params_fn>(OSSL_FUNC_KEYMGMT_GEN_SET_PARAMS, GenerationSetParams),
      Entry<OSSL_FUNC_keymgmt_gen_settable_params_fn>(OSSL_FUNC_KEYMGMT_GEN_SETTABLE_PARAMS,
                                                      GenerationSettableParams<type>),
      Entry<OSSL_FUNC_keymgmt_gen_fn>(OSSL_FUNC_KEYMGMT_GEN, Generate),
      Entry<OSSL_FUNC_keymgmt_gen_cleanup_fn>(OSSL_FUNC_KEYMGMT_GEN_CLEANUP, GenerationCleanup),
      kNoMoreEntries,
  };
  return kTable;
}

}  // namespace

const OSSL_ALGORITHM kKeymgmtAlgorithms[] = {
    {kRsaNames, kProperties, Table<KeyType::kRsa>(), "RSA keys of keyd"},
    {kEcNames, kProperties, Table<KeyType::kEc>(), "EC keys of keyd"},
    {nullptr, nullptr, nullptr, nullptr},
};

}  // namespace aziot::openssl_engine
