#include "openssl-engine/engine/rsa_method.h"

#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <new>

#include "openssl-engine/engine/error_queue.h"
#include "openssl-engine/engine/held_key.h"

namespace aziot::openssl_engine {
namespace {

using RsaPtr = std::unique_ptr<RSA, FreeWith<RSA_free>>;

// Never freed: keys may live to the end of the process.
struct RsaMethod {
  RSA_METHOD* table = nullptr;
  int index = -1;
};
const RsaMethod& Method();

const RemoteKey* RemoteOf(const RSA* rsa, const char* function) {
  const auto* held = static_cast<const HeldKey*>(RSA_get_ex_data(rsa, Method().index));
  if (held != nullptr) return held->remote.get();
  Raise(function, {Reason::kCrypto, "the RSA key has lost its key in keyd"});
  return nullptr;
}

int PrivateEncrypt(int length, const unsigned char* from, unsigned char* to, RSA* rsa, int padding) {
  constexpr char kFunction[] = "aziot_key_rsa_priv_enc";
  return Guarded(kFunction, -1, [&] {
    const RemoteKey* remote = RemoteOf(rsa, kFunction);
    if (remote == nullptr) return -1;
    const BytesView input(from, static_cast<size_t>(std::max(length, 0)));
    Result<Bytes> signature = Failure{Reason::kNotSupported, "RSA padding " + std::to_string(padding) +
                                                                 "; PKCS#1 v1.5 and PSS are offered"};
    if (padding == RSA_PKCS1_PADDING) signature = remote->SignPkcs1(input);
    if (padding == RSA_NO_PADDING) signature = remote->SignRaw(input);
    if (!signature.ok()) {
      Raise(kFunction, signature.failure());
      return -1;
    }
    // RemoteKey has checked that it is exactly as long as the modulus.
    std::copy(signature->begin(), signature->end(), to);
    return static_cast<int>(signature->size());
  });
}

// Only what cannot become a padding oracle: the raw operation (EVP unpads OAEP itself, in constant time) and
// OAEP. PKCS#1 v1.5 would need implicit rejection, which needs the private key.
int PrivateDecrypt(int length, const unsigned char* from, unsigned char* to, RSA* rsa, int padding) {
  constexpr char kFunction[] = "aziot_key_rsa_priv_dec";
  return Guarded(kFunction, -1, [&] {
    const RemoteKey* remote = RemoteOf(rsa, kFunction);
    if (remote == nullptr) return -1;
    if (padding != RSA_NO_PADDING && padding != RSA_PKCS1_OAEP_PADDING) {
      Raise(kFunction, {Reason::kNotSupported,
                        "RSA decryption with padding " + std::to_string(padding) + "; OAEP is offered"});
      return -1;
    }
    const size_t modulus = static_cast<size_t>(RSA_size(rsa));
    const BytesView input(from, static_cast<size_t>(std::max(length, 0)));
    if (input.size() > modulus) {
      Raise(kFunction, {Reason::kInvalidInput, "the ciphertext is longer than the modulus"});
      return -1;
    }
    Bytes block(modulus);
    std::copy(input.begin(), input.end(), block.end() - static_cast<ptrdiff_t>(input.size()));
    Result<Bytes> opened = remote->SignRaw(block);
    if (!opened.ok()) {
      Raise(kFunction, opened.failure());
      return -1;
    }
    int size = static_cast<int>(opened->size());
    if (padding == RSA_NO_PADDING) {
      std::copy(opened->begin(), opened->end(), to);
    } else {
      size = RSA_padding_check_PKCS1_OAEP(to, size, opened->data(), size, size, nullptr, 0);
    }
    OPENSSL_cleanse(opened->data(), opened->size());
    return size;
  });
}

RsaMethod MakeMethod() {
  RsaMethod method;
  method.index = NewHeldKeyIndex(CRYPTO_EX_INDEX_RSA);
  method.table = RSA_meth_dup(RSA_PKCS1_OpenSSL());
  if (method.index < 0 || method.table == nullptr ||
      RSA_meth_set1_name(method.table, "RSA keys of the Azure IoT keys service") != 1 ||
      RSA_meth_set_flags(method.table, 0) != 1 || RSA_meth_set_priv_enc(method.table, PrivateEncrypt) != 1 ||
      RSA_meth_set_priv_dec(method.table, PrivateDecrypt) != 1) {
    return {};
  }
  return method;
}

const RsaMethod& Method() {
  static const RsaMethod method = MakeMethod();
  return method;
}

BignumPtr Number(const EVP_PKEY* key, const char* name) {
  BIGNUM* number = nullptr;
  EVP_PKEY_get_bn_param(key, name, &number);
  return BignumPtr(number);
}

}  // namespace

bool PrepareRsaMethod() { return Method().table != nullptr; }

PkeyPtr NewRsaKey(std::shared_ptr<const RemoteKey> remote) {
  BignumPtr n = Number(remote->public_key(), OSSL_PKEY_PARAM_RSA_N);
  BignumPtr e = Number(remote->public_key(), OSSL_PKEY_PARAM_RSA_E);
  RsaPtr rsa(RSA_new());
  if (rsa == nullptr || n == nullptr || e == nullptr ||
      RSA_set0_key(rsa.get(), n.get(), e.get(), nullptr) != 1)
    return nullptr;
  static_cast<void>(n.release());
  static_cast<void>(e.release());
  auto held = std::make_unique<HeldKey>(HeldKey{std::move(remote)});
  // Before EVP_PKEY sees the key: it asks once whether the key is a foreign one.
  if (RSA_set_method(rsa.get(), Method().table) != 1 ||
      RSA_set_ex_data(rsa.get(), Method().index, held.get()) != 1) {
    return nullptr;
  }
  static_cast<void>(held.release());
  PkeyPtr key(EVP_PKEY_new());
  if (key == nullptr || EVP_PKEY_assign_RSA(key.get(), rsa.get()) != 1) return nullptr;
  static_cast<void>(rsa.release());
  return key;
}

}  // namespace aziot::openssl_engine
