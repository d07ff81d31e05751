#include "keyd/backend/library/testing/sample_crypto.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <sstream>

namespace sample {
namespace {

constexpr size_t kTag = 16;
constexpr size_t kOrder = 32;

using Context = std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)>;
using Cipher = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

std::optional<Bytes> Number(EVP_PKEY& pair, const char* name) {
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(&pair, name, &number) != 1) return std::nullopt;
  Bytes bytes(static_cast<size_t>(BN_num_bytes(number)));
  BN_bn2bin(number, bytes.data());
  BN_free(number);
  return bytes;
}

std::optional<Bytes> CompressedPoint(EVP_PKEY& pair) {
  unsigned char point[1 + 2 * kOrder];
  size_t size = 0;
  if (EVP_PKEY_get_octet_string_param(&pair, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &size) != 1) {
    return std::nullopt;
  }
  Bytes compressed(point, point + 1 + kOrder);
  compressed[0] = 2 | (point[size - 1] & 1);
  return compressed;
}

std::optional<Bytes> Sign(EVP_PKEY& pair, int padding, View input) {
  const Context context(EVP_PKEY_CTX_new(&pair, nullptr), EVP_PKEY_CTX_free);
  size_t size = static_cast<size_t>(EVP_PKEY_get_size(&pair));
  Bytes signature(size);
  const bool done = EVP_PKEY_sign_init(context.get()) == 1 &&
                    (padding == 0 || EVP_PKEY_CTX_set_rsa_padding(context.get(), padding) == 1) &&
                    EVP_PKEY_sign(context.get(), signature.data(), &size, input.data, input.size) == 1;
  ERR_clear_error();
  if (!done) return std::nullopt;
  signature.resize(size);
  return signature;
}

// Feeds iv and aad; `encrypt` as EVP has it. nullptr for a key that is no AES-256 key or an impossible iv.
Cipher StartGcm(const Bytes& key, View iv, View aad, int encrypt) {
  Cipher cipher(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  int length = 0;
  const bool started =
      key.size() == 32 && iv.size >= 1 && iv.size <= 128 &&
      EVP_CipherInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, nullptr, nullptr, encrypt) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_AEAD_SET_IVLEN, static_cast<int>(iv.size), nullptr) == 1 &&
      EVP_CipherInit_ex(cipher.get(), nullptr, nullptr, key.data(), iv.data, encrypt) == 1 &&
      EVP_CipherUpdate(cipher.get(), nullptr, &length, aad.data, static_cast<int>(aad.size)) == 1;
  if (!started) cipher.reset();
  return cipher;
}

}  // namespace

Pair Generate(const std::string& preferred_algorithms) {
  std::istringstream words(preferred_algorithms);
  for (std::string word; std::getline(words, word, ':');) {
    if (word == "ec-p256" || word == "*") return Pair(EVP_EC_gen("P-256"), EVP_PKEY_free);
    if (word == "rsa-2048") return Pair(EVP_RSA_gen(2048), EVP_PKEY_free);
    if (word == "rsa-4096") return Pair(EVP_RSA_gen(4096), EVP_PKEY_free);
  }
  return Pair(nullptr, EVP_PKEY_free);
}

bool IsRsa(EVP_PKEY& pair) { return EVP_PKEY_is_a(&pair, "RSA") == 1; }

std::optional<Bytes> PublicParameter(EVP_PKEY& pair, AZIOT_KEYS_KEY_PAIR_PARAMETER_TYPE type) {
  switch (type) {
    case AZIOT_KEYS_KEY_PAIR_PARAMETER_TYPE_EC_CURVE_OID:
      if (IsRsa(pair)) return std::nullopt;
      return Bytes{0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    case AZIOT_KEYS_KEY_PAIR_PARAMETER_TYPE_EC_POINT:
      return IsRsa(pair) ? std::nullopt : CompressedPoint(pair);
    case AZIOT_KEYS_KEY_PAIR_PARAMETER_TYPE_RSA_MODULUS:
      return IsRsa(pair) ? Number(pair, OSSL_PKEY_PARAM_RSA_N) : std::nullopt;
    case AZIOT_KEYS_KEY_PAIR_PARAMETER_TYPE_RSA_EXPONENT:
      return IsRsa(pair) ? Number(pair, OSSL_PKEY_PARAM_RSA_E) : std::nullopt;
    default:
      return std::nullopt;
  }
}

std::optional<Bytes> Hmac(const Bytes& key, View message) {
  Bytes mac(32);
  unsigned size = 0;
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), message.data, message.size, mac.data(),
           &size) == nullptr) {
    return std::nullopt;
  }
  return mac;
}

std::optional<Bytes> Ecdsa(EVP_PKEY& pair, View digest) {
  if (digest.size > kOrder) return std::nullopt;
  return Sign(pair, 0, digest);
}

std::optional<Bytes> RsaPrivate(EVP_PKEY& pair, int padding, View input) {
  return Sign(pair, padding, input);
}

std::optional<Bytes> Seal(const Bytes& key, View iv, View aad, View plaintext) {
  const Cipher cipher = StartGcm(key, iv, aad, 1);
  if (cipher == nullptr) return std::nullopt;
  Bytes blob(1 + plaintext.size + kTag);
  blob[0] = 2;
  int length = 0;
  EVP_CipherUpdate(cipher.get(), blob.data() + 1, &length, plaintext.data, static_cast<int>(plaintext.size));
  EVP_CipherFinal_ex(cipher.get(), blob.data() + 1 + plaintext.size, &length);
  EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_AEAD_GET_TAG, kTag, blob.data() + 1 + plaintext.size);
  return blob;
}

bool IsBlob(View blob) { return blob.size >= 1 + kTag && (blob.data[0] == 1 || blob.data[0] == 2); }

std::optional<Bytes> Open(const Bytes& key, View iv, View aad, View blob) {
  const Cipher cipher = StartGcm(key, iv, aad, 0);
  if (cipher == nullptr) return std::nullopt;
  const size_t size = blob.size - 1 - kTag;
  const bool tag_first = blob.data[0] == 1;
  Bytes tag(kTag);
  std::copy_n(blob.data + (tag_first ? 1 : 1 + size), kTag, tag.begin());
  Bytes plaintext(size + 1);  // one more: an empty vector has no address
  int length = 0;
  EVP_CipherUpdate(cipher.get(), plaintext.data(), &length, blob.data + (tag_first ? 1 + kTag : 1),
                   static_cast<int>(size));
  EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_AEAD_SET_TAG, kTag, tag.data());
  const bool matches = EVP_CipherFinal_ex(cipher.get(), plaintext.data() + size, &length) == 1;
  ERR_clear_error();
  if (!matches) return std::nullopt;
  plaintext.resize(size);
  return plaintext;
}

}  // namespace sample
