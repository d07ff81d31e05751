// Keys that sign certificates and stay in keyd: named by id or by handle, used through an EVP_PKEY.
#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/ids/id.h"
#include "common/openssl/owned.h"

namespace aziot::certd {

class SigningKeys {
 public:
  virtual ~SigningKeys() = default;
  // The pair keyd keeps under `id`; needs a principal for certd's own user.
  virtual absl::StatusOr<openssl::PkeyPtr> ById(const KeyId& id) = 0;
  // The pair behind a handle; having the handle is the permission.
  virtual absl::StatusOr<openssl::PkeyPtr> ByHandle(absl::string_view handle) = 0;
  // The library context the keys work in; nullptr is the default one.
  virtual OSSL_LIB_CTX* context() = 0;
};

}  // namespace aziot::certd
