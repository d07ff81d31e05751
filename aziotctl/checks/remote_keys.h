// keyd's key pairs as OpenSSL programs see them: through the provider, loaded by name.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/client/client.h"
#include "common/openssl/owned.h"

namespace aziot::ctl {

class RemoteKeys {
 public:
  explicit RemoteKeys(const std::string& socket);

  // Its public half; what is private stays in keyd. kNotFound for a key that is no pair.
  absl::StatusOr<openssl::PkeyPtr> LoadPair(const std::string& id);
  bool IsSymmetric(const std::string& id);

 private:
  absl::Status LoadProvider();

  client::Client keyd_;
  openssl::LibCtxPtr context_;
  openssl::ProviderPtr software_;
  openssl::ProviderPtr remote_;
};

}  // namespace aziot::ctl
