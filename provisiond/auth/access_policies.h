// Shared access policies: their defaults, and whether a token of one allows what is asked. Thread-safe.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/bytes/secret.h"
#include "provisiond/auth/sas_token.h"
#include "provisiond/store/database.h"
#include "provisiond/store/policies.h"
#include "provisiond/store/vault.h"

namespace aziot::provisiond::auth {

class AccessPolicies {
 public:
  AccessPolicies(store::Database& database, const store::Vault& vault) : database_(database), vault_(vault) {}

  // Makes the default policies that are not there yet, with new keys. kDataLoss when the store was sealed
  // with another data key: found at start, not at the first device.
  absl::Status MakeDefaults();

  // Whether the token's policy of `family` ("dps", "hub") signed it for one of `resources` and holds
  // `permission`. kUnauthenticated for a failed proof, kPermissionDenied naming the permission that is
  // missing.
  absl::Status Check(absl::string_view family, const SasToken& token,
                     const std::vector<std::vector<std::string>>& resources, absl::string_view permission);

  absl::StatusOr<std::vector<store::Policy>> List();
  // The primary key, as it stands in connection strings. kNotFound.
  absl::StatusOr<Secret> PrimaryKey(absl::string_view name);

 private:
  absl::StatusOr<Secret> Open(const store::Policy& policy, absl::string_view column, const Bytes& sealed);

  store::Database& database_;
  const store::Vault& vault_;
};

}  // namespace aziot::provisiond::auth
