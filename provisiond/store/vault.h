// Secrets at rest: AES-256-GCM under the data key, bound to table, column and row, so that a value copied to
// another place does not open.
#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/bytes/secret.h"

namespace aziot::provisiond::store {

struct Place {
  absl::string_view table;
  absl::string_view column;
  absl::string_view row;
};

class Vault {
 public:
  // Reads the data key, or makes it (mode 0600) when the file is not there. kFailedPrecondition for a file of
  // another size, or one that others may read.
  static absl::StatusOr<Vault> Load(absl::string_view data_key_file);
  explicit Vault(Secret data_key) : data_key_(std::move(data_key)) {}

  Bytes Seal(const Place& place, const Secret& secret) const;
  // kDataLoss when the value was not sealed for this place with this key.
  absl::StatusOr<Secret> Open(const Place& place, BytesView sealed) const;

 private:
  Secret data_key_;
};

}  // namespace aziot::provisiond::store
