// What a switch of certificate and key needs of keyd.
#pragma once

#include <openssl/evp.h>

#include "absl/status/statusor.h"
#include "common/ids/id.h"

namespace aziot::certd {

class PairKeys {
 public:
  virtual ~PairKeys() = default;
  // Whether keyd holds a pair under `id` whose public half is `key`; false too when it holds none.
  virtual absl::StatusOr<bool> Holds(const KeyId& id, const EVP_PKEY& key) = 0;
  // Renames the pair, replacing the one there, atomically. After a failure it may have happened or not.
  virtual absl::Status Move(const KeyId& from, const KeyId& to) = 0;
};

}  // namespace aziot::certd
