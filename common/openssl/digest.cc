#include "common/openssl/digest.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <cstdlib>

#include "common/openssl/owned.h"

namespace aziot::openssl {
namespace {

// Algorithms are fetched once and never released: a thread may still use them while the process ends.
const EVP_MD* Fetched(const char* name) {
  const EVP_MD* digest = EVP_MD_fetch(nullptr, name, nullptr);
  if (digest == nullptr) std::abort();  // a libcrypto without SHA-2, or no memory
  return digest;
}

template <size_t size>
std::array<uint8_t, size> Digest(const EVP_MD* digest, BytesView data) {
  thread_local const MdCtxPtr context(EVP_MD_CTX_new());
  std::array<uint8_t, size> out;
  unsigned int written = 0;
  if (context == nullptr || EVP_DigestInit_ex2(context.get(), digest, nullptr) != 1 ||
      EVP_DigestUpdate(context.get(), data.data(), data.size()) != 1 ||
      EVP_DigestFinal_ex(context.get(), out.data(), &written) != 1 || written != size) {
    std::abort();
  }
  return out;
}

MacCtxPtr NewHmacSha256() {
  static EVP_MAC* const hmac = EVP_MAC_fetch(nullptr, OSSL_MAC_NAME_HMAC, nullptr);
  char digest[] = "SHA256";
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                               OSSL_PARAM_construct_end()};
  MacCtxPtr context(EVP_MAC_CTX_new(hmac));
  if (context == nullptr || EVP_MAC_CTX_set_params(context.get(), params) != 1) std::abort();
  return context;
}

}  // namespace

std::array<uint8_t, 32> Sha256(BytesView data) {
  static const EVP_MD* const digest = Fetched("SHA256");
  return Digest<32>(digest, data);
}

std::array<uint8_t, 20> Sha1(BytesView data) {
  static const EVP_MD* const digest = Fetched("SHA1");
  return Digest<20>(digest, data);
}

std::array<uint8_t, 32> HmacSha256(BytesView key, BytesView data) {
  // One context a thread: making or copying one costs more than the MAC. OpenSSL keeps the key inside it in
  // secure memory and wipes it at the next use.
  thread_local const MacCtxPtr context = NewHmacSha256();
  // A null key would mean "the previous one".
  static constexpr uint8_t kNoKey = 0;
  const uint8_t* key_data = key.empty() ? &kNoKey : key.data();
  std::array<uint8_t, 32> out;
  size_t written = 0;
  if (EVP_MAC_init(context.get(), key_data, key.size(), nullptr) != 1 ||
      EVP_MAC_update(context.get(), data.data(), data.size()) != 1 ||
      EVP_MAC_final(context.get(), out.data(), &written, out.size()) != 1 || written != out.size()) {
    std::abort();
  }
  return out;
}

Bytes RandomBytes(size_t count) {
  Bytes out(count);
  if (RAND_bytes_ex(nullptr, out.data(), count, 0) != 1) std::abort();
  return out;
}

Secret RandomSecret(size_t count) {
  Secret out = Secret::OfSize(count);
  if (RAND_priv_bytes_ex(nullptr, out.ExposeForWriting().data(), count, 0) != 1) std::abort();
  return out;
}

}  // namespace aziot::openssl
