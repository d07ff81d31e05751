#include "keyd/service/access_gate.h"

#include "absl/strings/str_cat.h"
#include "common/rpc/errors.h"

namespace aziot::keyd {

absl::Status AccessGate::Check(const rpc::CallContext& call, const KeyId& id) const {
  std::shared_ptr<const access::AccessRules> rules;
  {
    std::lock_guard lock(mutex_);
    rules = rules_;
  }
  if (rules->Allows(call.peer, id.value())) return absl::OkStatus();
  return rpc::NotAuthorized(
      absl::StrCat("user ", call.peer.uid, " is not authorized to access the key ", id.value()));
}

void AccessGate::Replace(access::AccessRules rules) {
  auto made = std::make_shared<const access::AccessRules>(std::move(rules));
  std::lock_guard lock(mutex_);
  rules_.swap(made);
}

}  // namespace aziot::keyd
