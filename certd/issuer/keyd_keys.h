// SigningKeys through keyd's socket and the OpenSSL provider `aziot_keys`, in a library context of its own.
// The provider is loaded at the first use.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "certd/issuer/signing_keys.h"
#include "common/client/client.h"

namespace aziot::certd {

class KeydKeys final : public SigningKeys {
 public:
  // `provider_directory` holds aziot_keys.so. `keyd` outlives this.
  KeydKeys(client::Client& keyd, std::string provider_directory)
      : keyd_(keyd), provider_directory_(std::move(provider_directory)) {}

  absl::StatusOr<openssl::PkeyPtr> ById(const KeyId& id) override;
  absl::StatusOr<openssl::PkeyPtr> ByHandle(absl::string_view handle) override;
  OSSL_LIB_CTX* context() override { return context_.get(); }

 private:
  absl::Status LoadProvider();

  client::Client& keyd_;
  const std::string provider_directory_;
  std::mutex loading_;
  openssl::LibCtxPtr context_;
  openssl::ProviderPtr software_;
  openssl::ProviderPtr remote_;
};

}  // namespace aziot::certd
