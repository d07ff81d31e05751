#include "openssl-engine/provider/digests.h"

#include <strings.h>

#include <iterator>

namespace aziot::openssl_engine {
namespace {

constexpr const char* kNames[][3] = {
    {"SHA256", "SHA2-256", "SHA-256"},    {"SHA384", "SHA2-384", "SHA-384"},
    {"SHA512", "SHA2-512", "SHA-512"},    {"SHA1", "SHA-1", "SSL3-SHA1"},
    {"MD5-SHA1", "MD5-SHA1", "MD5-SHA1"},
};

bool IsAny(const char* const (&names)[3], const char* name) {
  for (const char* const known : names) {
    if (strcasecmp(known, name) == 0) return true;
  }
  return false;
}

}  // namespace

Digests::~Digests() {
  for (const std::atomic<EVP_MD*>& md : kept_) EVP_MD_free(md);
}

MdPtr Digests::Find(const Software& software, const char* name) {
  static_assert(std::size(kNames) == kKept);
  size_t row = 0;
  while (row < kKept && !IsAny(kNames[row], name)) ++row;
  if (row == kKept) return MdPtr(EVP_MD_fetch(software.libctx, name, software.properties));
  if (EVP_MD* const md = kept_[row].load(std::memory_order_acquire)) return Share(md);
  MdPtr fetched(EVP_MD_fetch(software.libctx, name, software.properties));
  if (fetched == nullptr) return fetched;
  EVP_MD* none = nullptr;
  MdPtr kept = Share(fetched.get());
  // Whoever comes second lets its own go.
  if (kept_[row].compare_exchange_strong(none, kept.get(), std::memory_order_acq_rel)) kept.release();
  return fetched;
}

}  // namespace aziot::openssl_engine
