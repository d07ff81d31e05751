// RemoteKeys: key pairs that stay in keyd, as keys of OpenSSL, through the provider `aziot_keys`. The
// provider lives in a library context of its own, made at the first use: what else the process does with
// OpenSSL never meets it, and yet such a key may be used there (libssl and libcurl follow it to its
// provider). Thread-safe.
#pragma once

#include <mutex>
#include <string>

#include "absl/status/statusor.h"
#include "common/openssl/owned.h"

namespace aziot::openssl {

class RemoteKeys {
 public:
  // `module_directory` holds aziot_keys.so.
  explicit RemoteKeys(std::string module_directory) : module_directory_(std::move(module_directory)) {}

  // `uri` is `aziot:...;socket=...`; it may hold a handle, so no error shows it. The keys may outlive this.
  absl::StatusOr<PkeyPtr> Load(const std::string& uri);
  // Null before the first Load.
  OSSL_LIB_CTX* context() const { return context_.get(); }

 private:
  absl::Status LoadProvider();

  const std::string module_directory_;
  std::mutex loading_;
  LibCtxPtr context_;
  ProviderPtr software_;
  ProviderPtr remote_;
};

}  // namespace aziot::openssl
