// SigningKeys through keyd's socket and the OpenSSL provider `aziot_keys`.
#pragma once

#include <string>

#include "certd/issuer/signing_keys.h"
#include "common/client/client.h"
#include "common/openssl/remote_keys.h"

namespace aziot::certd {

class KeydKeys final : public SigningKeys {
 public:
  // `provider_directory` holds aziot_keys.so. `keyd` outlives this.
  KeydKeys(client::Client& keyd, std::string provider_directory)
      : keyd_(keyd), remote_(std::move(provider_directory)) {}

  absl::StatusOr<openssl::PkeyPtr> ById(const KeyId& id) override;
  absl::StatusOr<openssl::PkeyPtr> ByHandle(absl::string_view handle) override;
  OSSL_LIB_CTX* context() override { return remote_.context(); }

 private:
  client::Client& keyd_;
  openssl::RemoteKeys remote_;
};

}  // namespace aziot::certd
