// Shared access policies: names that back ends sign their tokens with.
#pragma once

#include "provisiond/store/database.h"

namespace aziot::provisiond::store {

struct Policy {
  std::string id;
  std::string family;  // dps, hub
  std::string name;
  std::string permissions;  // words separated by spaces
  Bytes primary_enc, secondary_enc;
};

absl::StatusOr<std::vector<Policy>> ListPolicies(Session& session);
absl::StatusOr<std::optional<Policy>> FindPolicy(Session& session, absl::string_view family,
                                                 absl::string_view name);
absl::Status InsertPolicy(Session& session, const Policy& policy);

}  // namespace aziot::provisiond::store
