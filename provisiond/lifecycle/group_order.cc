#include "provisiond/lifecycle/group_order.h"

#include <algorithm>

namespace aziot::provisiond {

void GroupOrder::Sort(std::vector<store::Enrollment>& groups) const {
  if (groups.size() < 2) return;
  const std::lock_guard lock(mutex_);
  const auto use = [this](const store::Enrollment& group) {
    const auto found = last_use_.find(group.id);
    return found == last_use_.end() ? 0 : found->second;
  };
  std::stable_sort(groups.begin(), groups.end(),
                   [&](const store::Enrollment& a, const store::Enrollment& b) { return use(a) > use(b); });
}

void GroupOrder::Used(const std::string& id) {
  const std::lock_guard lock(mutex_);
  last_use_[id] = ++uses_;
}

}  // namespace aziot::provisiond
