// Logical hubs and id scopes: rows that the configuration adds at start.
#pragma once

#include "provisiond/store/database.h"

namespace aziot::provisiond::store {

struct Hub {
  std::string id;
  std::string host_name;  // lower case, without port
  int64_t weight = 1;
  bool active = true;  // false: no longer configured; keeps its devices and gets no new ones
};

absl::StatusOr<std::vector<Hub>> ListHubs(Session& session);
// Inserts the row, or updates weight and state of the one with this host name.
absl::Status PutHub(Session& session, const Hub& hub, int64_t now);
absl::Status PutScope(Session& session, absl::string_view id_scope, int64_t now);

}  // namespace aziot::provisiond::store
