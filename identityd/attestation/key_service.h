// The calls to keyd that identityd needs, so that tests can hold the keys themselves. Thread-safe. Failures
// are Party::kKeys, with Reason::kNetwork when keyd is not there.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/bytes/bytes.h"
#include "common/bytes/secret.h"

namespace aziot::identityd {

class KeyService {
 public:
  virtual ~KeyService() = default;

  // A handle of the symmetric key `id`.
  virtual absl::StatusOr<std::string> Load(absl::string_view id) = 0;
  // The same; a key that cannot be loaded is made (usages derive and sign).
  virtual absl::StatusOr<std::string> LoadOrCreate(absl::string_view id) = 0;
  virtual absl::StatusOr<std::string> Derive(absl::string_view base_handle, absl::string_view data) = 0;
  virtual absl::StatusOr<Secret> Export(absl::string_view handle) = 0;
  virtual absl::StatusOr<Bytes> HmacSha256(absl::string_view handle, absl::string_view message) = 0;
};

}  // namespace aziot::identityd
