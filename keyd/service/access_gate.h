// Who may name which key: asked by every rpc that mints a handle or moves a pair. The rules change as a
// whole, by one assignment, while calls run.
#pragma once

#include <memory>
#include <mutex>

#include "absl/status/status.h"
#include "common/access/access_rules.h"
#include "common/ids/id.h"
#include "common/rpc/call_context.h"

namespace aziot::keyd {

// Thread-safe.
class AccessGate {
 public:
  explicit AccessGate(access::AccessRules rules) { Replace(std::move(rules)); }

  // OK, or 401 naming the caller's uid and the key.
  absl::Status Check(const rpc::CallContext& call, const KeyId& id) const;
  void Replace(access::AccessRules rules);

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const access::AccessRules> rules_;
};

}  // namespace aziot::keyd
