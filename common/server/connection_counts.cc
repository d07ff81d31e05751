#include "common/server/connection_counts.h"

namespace aziot::server {
namespace {

// Entries of uids at rest are kept for their next connection, up to this many.
constexpr size_t kRemembered = 64;

}  // namespace

std::optional<ConnectionCounts::Place> ConnectionCounts::Enter(uid_t uid) {
  const std::lock_guard lock(mutex_);
  size_t& mine = uids_[uid];
  if (total_ >= in_all_ || mine >= per_uid_) return std::nullopt;
  ++total_;
  ++mine;
  return Place(this, uid);
}

void ConnectionCounts::Leave(uid_t uid) {
  const std::lock_guard lock(mutex_);
  const auto mine = uids_.find(uid);
  if (--mine->second == 0 && uids_.size() > kRemembered) uids_.erase(mine);
  if (--total_ == 0) none_.notify_all();
}

size_t ConnectionCounts::total() const {
  const std::lock_guard lock(mutex_);
  return total_;
}

bool ConnectionCounts::WaitUntilNone(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  return none_.wait_for(lock, limit, [this] { return total_ == 0; });
}

}  // namespace aziot::server
