#include "openssl-engine/provider/loading.h"

#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/params.h>

#include <string>

namespace aziot::openssl_engine {

Result<std::unique_ptr<Key>> LoadKey(const ProviderContext& provider, const KeyRef& name, Half half,
                                     RemoteKey::Wanted wanted) {
  Result<std::shared_ptr<const RemoteKey>> remote =
      RemoteKey::Open(name, provider.endpoint(), provider.software(), wanted);
  if (!remote.ok()) {
    provider.Raise(remote.failure());
    return remote.failure();
  }
  if (*remote == nullptr) return std::unique_ptr<Key>();
  auto key = std::make_unique<Key>(Key{&provider, (*remote)->is_rsa() ? KeyType::kRsa : KeyType::kEc,
                                       Share((*remote)->public_key()), nullptr});
  if (half == Half::kBoth) {
    key->remote = *std::move(remote);
    key->has_private = true;
  }
  return key;
}

int HandOver(std::unique_ptr<Key> key, OSSL_CALLBACK* object, void* argument) {
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
  const int taken = object(params, argument);
  delete holder;  // null when KEYMGMT took it
  return taken;
}

int HandOver(const Bytes& certificate, OSSL_CALLBACK* object, void* argument) {
  int kind = OSSL_OBJECT_CERT;
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &kind),
      OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_DATA, const_cast<uint8_t*>(certificate.data()),
                                        certificate.size()),
      OSSL_PARAM_construct_end(),
  };
  return object(params, argument);
}

}  // namespace aziot::openssl_engine
