#include "common/server/turns.h"

#include <algorithm>
#include <utility>

namespace aziot::server {
namespace {

// Entries of uids at rest are kept for their next request, up to this many.
constexpr size_t kRemembered = 64;

}  // namespace

Turns::Entry Turns::Enter(uid_t uid, const std::shared_ptr<Waiter>& waiter) {
  const std::lock_guard lock(mutex_);
  OfUid& mine = uids_[uid];
  if (mine.working < at_once_) {
    ++mine.working;
    return Entry::kGranted;
  }
  if (mine.queue.size() >= waiting_) return Entry::kFull;
  mine.queue.push_back(waiter);
  return Entry::kWaits;
}

bool Turns::Cancel(uid_t uid, const Waiter* waiter) {
  std::shared_ptr<Waiter> cancelled;  // released after the lock
  const std::lock_guard lock(mutex_);
  const auto mine = uids_.find(uid);
  if (mine == uids_.end()) return false;
  std::list<std::shared_ptr<Waiter>>& queue = mine->second.queue;
  const auto found = std::find_if(queue.begin(), queue.end(), [waiter](const std::shared_ptr<Waiter>& other) {
    return other.get() == waiter;
  });
  if (found == queue.end()) return false;
  cancelled = std::move(*found);
  queue.erase(found);
  return true;
}

void Turns::Leave(uid_t uid) {
  std::shared_ptr<Waiter> next;
  {
    const std::lock_guard lock(mutex_);
    const auto mine = uids_.find(uid);
    if (mine->second.queue.empty()) {
      if (--mine->second.working == 0 && uids_.size() > kRemembered) uids_.erase(mine);
      return;
    }
    next = std::move(mine->second.queue.front());
    mine->second.queue.pop_front();
  }
  next->OnTurn();
}

}  // namespace aziot::server
