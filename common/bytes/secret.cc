#include "common/bytes/secret.h"

#include <openssl/crypto.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <cstdlib>
#include <cstring>

namespace aziot {
namespace {

// One arena for all secrets of a process; what does not fit lives in ordinary memory.
constexpr size_t kArenaBytes = size_t{1} << 20;
constexpr size_t kSmallestBlock = 16;

}  // namespace

Secret Secret::OfSize(size_t size) {
  Secret secret;
  if (size == 0) return secret;
  secret.data_ = static_cast<uint8_t*>(OPENSSL_secure_zalloc(size));
  // Freeing tells the two kinds of memory apart.
  if (secret.data_ == nullptr) secret.data_ = static_cast<uint8_t*>(OPENSSL_zalloc(size));
  if (secret.data_ == nullptr) std::abort();  // out of memory
  secret.size_ = size;
  return secret;
}

Secret::Secret(BytesView bytes) : Secret(OfSize(bytes.size())) {
  if (!bytes.empty()) std::memcpy(data_, bytes.data(), bytes.size());
}

Secret Secret::Take(Bytes&& bytes) {
  Secret secret{BytesView(bytes)};
  OPENSSL_cleanse(bytes.data(), bytes.size());
  bytes.clear();
  return secret;
}

Secret Secret::Take(std::string&& text) {
  Secret secret(ToBytesView(text));
  OPENSSL_cleanse(text.data(), text.size());
  text.clear();
  return secret;
}

Secret::~Secret() { OPENSSL_secure_clear_free(data_, size_); }

bool operator==(const Secret& a, const Secret& b) { return ConstantTimeEqual(a.Expose(), b.Expose()); }

bool ConstantTimeEqual(BytesView a, BytesView b) {
  return a.size() == b.size() && (a.empty() || CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0);
}

void ProtectSecretMemory() {
  CRYPTO_secure_malloc_init(kArenaBytes, kSmallestBlock);
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  prctl(PR_SET_DUMPABLE, 0);
}

}  // namespace aziot
