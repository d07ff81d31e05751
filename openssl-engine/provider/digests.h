// Digests: the digests that signatures use, fetched from the child context once. Fetching takes a lock and
// several searches, and every signature needs one. No lock of its own: a fork must not find it held.
#pragma once

#include <atomic>

#include "openssl-engine/owned.h"
#include "openssl-engine/remote_key.h"

namespace aziot::openssl_engine {

class Digests {
 public:
  Digests() = default;
  Digests(const Digests&) = delete;
  Digests& operator=(const Digests&) = delete;
  ~Digests();

  // By any of its names (SHA256, SHA2-256, SHA-256); null when no provider offers it. `software` is the same
  // in every call.
  MdPtr Find(const Software& software, const char* name);

 private:
  static constexpr size_t kKept = 5;
  std::atomic<EVP_MD*> kept_[kKept] = {};
};

}  // namespace aziot::openssl_engine
