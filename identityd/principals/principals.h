// Who calls identityd, and which modules should exist: the `[[principal]]` tables. Immutable; a reload makes
// a new one.
#pragma once

#include <sys/types.h>

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/net/peer.h"

namespace aziot::identityd {

struct IdTypes {
  bool device = false;
  bool module = false;
  bool local = false;
};

struct LocalOptions {
  bool server = false;  // the certificate also serves TLS
};

struct Principal {
  uid_t uid = 0;
  std::string name;                // module id
  std::optional<IdTypes> idtypes;  // nullopt: an unrestricted daemon
  std::optional<LocalOptions> local;
};

enum class CallerKind { kLocalRoot, kDaemon, kHostProcess, kUnknown };

struct Caller {
  CallerKind kind = CallerKind::kUnknown;
  const Principal* principal = nullptr;  // of a host process; lives as long as the Principals

  // Whether the caller may manage modules and provision again.
  bool MayManage() const { return kind == CallerKind::kLocalRoot || kind == CallerKind::kDaemon; }
  bool MayHaveDevice() const;
  // Whether the caller may have the identity of module `id`.
  bool MayHaveModule(absl::string_view id) const;
};

class Principals {
 public:
  struct Surroundings {
    bool has_hub = true;       // provisioning source other than `none`
    bool has_localid = false;  // a `[localid]` table
  };

  Principals() = default;
  // In the order of the merged configuration. kInvalidArgument with the first rule that is broken.
  static absl::StatusOr<Principals> Make(std::vector<Principal> principals, Surroundings surroundings);

  // A principal comes before root: one for uid 0 narrows root on purpose.
  Caller Identify(const net::Peer& peer) const;

  // Names of the modules that should exist on the hub.
  std::set<std::string> ModuleNames() const;
  // The principal whose local identity is called `name`, or nullptr.
  const Principal* FindLocal(absl::string_view name) const;
  // What the operator should know: principals that have no effect.
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  std::vector<Principal> principals_;
  absl::flat_hash_map<uid_t, size_t> by_uid_;
  std::vector<std::string> warnings_;
};

}  // namespace aziot::identityd
