#include "openssl-engine/engine/ec_method.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>

#include <algorithm>

#include "openssl-engine/engine/error_queue.h"
#include "openssl-engine/engine/held_key.h"

namespace aziot::openssl_engine {
namespace {

using EcKeyPtr = std::unique_ptr<EC_KEY, FreeWith<EC_KEY_free>>;

// Never freed: keys may live to the end of the process.
struct EcMethod {
  EC_KEY_METHOD* table = nullptr;
  int index = -1;
};
const EcMethod& Method();

ECDSA_SIG* SignDigest(const unsigned char* digest, int length, const BIGNUM*, const BIGNUM*, EC_KEY* key) {
  constexpr char kFunction[] = "aziot_key_ec_sign";
  return Guarded<ECDSA_SIG*>(kFunction, nullptr, [&]() -> ECDSA_SIG* {
    const auto* held = static_cast<const HeldKey*>(EC_KEY_get_ex_data(key, Method().index));
    if (held == nullptr) {
      Raise(kFunction, {Reason::kCrypto, "the EC key has lost its key in keyd"});
      return nullptr;
    }
    // RemoteKey cuts the digest to the length of the group order, and has verified what it gives.
    Result<Bytes> der = held->remote->SignDigest({digest, static_cast<size_t>(std::max(length, 0))});
    if (!der.ok()) {
      Raise(kFunction, der.failure());
      return nullptr;
    }
    const unsigned char* in = der->data();
    return d2i_ECDSA_SIG(nullptr, &in, static_cast<long>(der->size()));
  });
}

EcMethod MakeMethod() {
  EcMethod method;
  method.index = NewHeldKeyIndex(CRYPTO_EX_INDEX_EC_KEY);
  method.table = EC_KEY_METHOD_new(EC_KEY_OpenSSL());
  if (method.index < 0 || method.table == nullptr) return {};
  int (*sign)(int, const unsigned char*, int, unsigned char*, unsigned int*, const BIGNUM*, const BIGNUM*,
              EC_KEY*) = nullptr;
  EC_KEY_METHOD_get_sign(method.table, &sign, nullptr, nullptr);
  EC_KEY_METHOD_set_sign(method.table, sign, nullptr, SignDigest);
  EC_KEY_METHOD_set_keygen(method.table, nullptr);  // a key of keyd does not become another one here
  return method;
}

const EcMethod& Method() {
  static const EcMethod method = MakeMethod();
  return method;
}

}  // namespace

bool PrepareEcMethod() { return Method().table != nullptr; }

PkeyPtr NewEcKey(std::shared_ptr<const RemoteKey> remote) {
  Bytes point(65);  // P-256, uncompressed: what RemoteKey accepts
  size_t length = 0;
  EcKeyPtr ec(EC_KEY_new_by_curve_name(NID_X9_62_prime256v1));
  if (ec == nullptr ||
      EVP_PKEY_get_octet_string_param(remote->public_key(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                      point.size(), &length) != 1 ||
      EC_KEY_oct2key(ec.get(), point.data(), length, nullptr) != 1) {
    return nullptr;
  }
  auto held = std::make_unique<HeldKey>(HeldKey{std::move(remote)});
  // Before EVP_PKEY sees the key: it asks once whether the key is a foreign one.
  if (EC_KEY_set_method(ec.get(), Method().table) != 1 ||
      EC_KEY_set_ex_data(ec.get(), Method().index, held.get()) != 1) {
    return nullptr;
  }
  static_cast<void>(held.release());
  PkeyPtr key(EVP_PKEY_new());
  if (key == nullptr || EVP_PKEY_assign_EC_KEY(key.get(), ec.get()) != 1) return nullptr;
  static_cast<void>(ec.release());
  return key;
}

}  // namespace aziot::openssl_engine
