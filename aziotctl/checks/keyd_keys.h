// keyd's key pairs as OpenSSL programs see them: through the provider, loaded by name.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/client/client.h"
#include "common/openssl/owned.h"
#include "common/openssl/remote_keys.h"

namespace aziot::ctl {

class KeydKeys {
 public:
  explicit KeydKeys(const std::string& socket);

  // Its public half; what is private stays in keyd. kNotFound for a key that is no pair.
  absl::StatusOr<openssl::PkeyPtr> LoadPair(const std::string& id);
  bool IsSymmetric(const std::string& id);

 private:
  client::Client keyd_;
  openssl::RemoteKeys remote_;
};

}  // namespace aziot::ctl
