#include "common/server/http2_allowance.h"

#include <algorithm>
#include <iterator>

namespace aziot::server {
namespace {

// All that a uid may hold by default, at once.
constexpr double kConnections = 1024;
// A connection costs gRPC 0.6 ms: 3 % of a core at this rate.
constexpr double kConnectionsPerSecond = 50;
// So that who comes back at once to be cut off again is refused after a few rounds.
constexpr double kConnectionsOfACut = 64;
// A frame costs gRPC 5 to 15 µs; 1 % of a core or less at this rate.
constexpr double kFramesPerSecond = 400;
// A thousand calls of one user may reach their deadlines at the same time (a reset counts as 8 frames).
constexpr double kFrames = 8192;

}  // namespace

void Http2Allowance::Refill(OfUid& mine, Steady::time_point now) {
  const double seconds = std::max(0.0, std::chrono::duration<double>(now - mine.since).count());
  mine.connections = std::min(kConnections, mine.connections + kConnectionsPerSecond * seconds);
  mine.frames = std::min(kFrames, mine.frames + kFramesPerSecond * seconds);
  mine.since = std::max(now, mine.since);
}

Http2Allowance::OfUid& Http2Allowance::Refilled(uid_t uid, Steady::time_point now) {
  if (uids_.size() >= sweep_at_) {
    for (auto entry = uids_.begin(); entry != uids_.end();) {
      Refill(entry->second, now);
      const bool full = entry->second.connections >= kConnections && entry->second.frames >= kFrames;
      entry = full ? uids_.erase(entry) : std::next(entry);
    }
    sweep_at_ = std::max(kSweepFrom, 2 * uids_.size());
  }
  OfUid& mine = uids_.try_emplace(uid, OfUid{.connections = kConnections, .frames = kFrames, .since = now})
                    .first->second;
  Refill(mine, now);
  return mine;
}

bool Http2Allowance::Connect(uid_t uid, Steady::time_point now) {
  const std::lock_guard lock(mutex_);
  OfUid& mine = Refilled(uid, now);
  if (mine.connections < 1) return false;
  mine.connections -= 1;
  return true;
}

bool Http2Allowance::Spend(uid_t uid, double frames, Steady::time_point now) {
  const std::lock_guard lock(mutex_);
  OfUid& mine = Refilled(uid, now);
  if (mine.frames < frames) return false;
  mine.frames -= frames;
  return true;
}

void Http2Allowance::WasCut(uid_t uid, Steady::time_point now) {
  const std::lock_guard lock(mutex_);
  OfUid& mine = Refilled(uid, now);
  mine.connections = std::max(0.0, mine.connections - kConnectionsOfACut);
}

size_t Http2Allowance::remembered() {
  const std::lock_guard lock(mutex_);
  return uids_.size();
}

}  // namespace aziot::server
