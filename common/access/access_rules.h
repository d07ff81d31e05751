// Which uid may use which names: the `[[principal]]` tables. uid 0 may use every name. Immutable: a reload
// makes a new one and swaps it in with one assignment of a shared pointer.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "common/net/peer.h"

namespace aziot::access {

struct Principal {
  uid_t uid;
  // `*` any run of characters, also empty; `?` exactly one Unicode character; all else itself. Matched whole.
  std::vector<std::string> patterns;
};

bool MatchesPattern(absl::string_view pattern, absl::string_view name);

class AccessRules {
 public:
  AccessRules() = default;
  // Entries of one uid are united.
  explicit AccessRules(std::vector<Principal> principals);

  bool Allows(const net::Peer& peer, absl::string_view name) const;

 private:
  absl::flat_hash_map<uid_t, std::vector<std::string>> patterns_;
};

}  // namespace aziot::access
