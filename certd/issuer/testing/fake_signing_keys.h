// SigningKeys in the process: for tests of what is signed, where who signs does not matter.
#pragma once

#include <map>
#include <string>

#include "certd/issuer/signing_keys.h"

namespace aziot::certd::testing {

class FakeSigningKeys final : public SigningKeys {
 public:
  // Makes a P-256 (or RSA-2048) pair under `id`; its handle is "handle of <id>".
  EVP_PKEY& Make(const std::string& id, bool rsa = false) {
    EVP_PKEY* key = rsa ? EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", size_t{2048})
                        : EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256");
    keys_[id].reset(key);
    return *key;
  }
  absl::StatusOr<openssl::PkeyPtr> ById(const KeyId& id) override { return Find(id.value()); }
  absl::StatusOr<openssl::PkeyPtr> ByHandle(absl::string_view handle) override {
    constexpr absl::string_view kPrefix = "handle of ";
    if (handle.substr(0, kPrefix.size()) != kPrefix) return absl::InternalError("keyd: invalid handle");
    return Find(std::string(handle.substr(kPrefix.size())));
  }
  OSSL_LIB_CTX* context() override { return nullptr; }

 private:
  absl::StatusOr<openssl::PkeyPtr> Find(const std::string& id) {
    const auto found = keys_.find(id);
    if (found == keys_.end()) return absl::InternalError("keyd: no such key");
    EVP_PKEY_up_ref(found->second.get());
    return openssl::PkeyPtr(found->second.get());
  }
  std::map<std::string, openssl::PkeyPtr> keys_;
};

}  // namespace aziot::certd::testing
