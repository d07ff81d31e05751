#include "provisiond/auth/throttle.h"

namespace aziot::provisiond::auth {
namespace {
constexpr size_t kMostKeys = 1 << 16;
}

std::optional<absl::Duration> Throttle::Take(absl::string_view key) { return Look(key, true); }
std::optional<absl::Duration> Throttle::Check(absl::string_view key) { return Look(key, false); }

std::optional<absl::Duration> Throttle::Look(absl::string_view key, bool count) {
  if (limit_ == 0) return std::nullopt;
  const absl::Duration now = clock_.Steady();
  std::lock_guard lock(mutex_);
  auto found = windows_.find(key);
  if (found != windows_.end() && now - found->second.start >= window_) {
    windows_.erase(found);
    found = windows_.end();
  }
  if (found == windows_.end()) {
    if (!count) return std::nullopt;
    if (windows_.size() >= kMostKeys) {
      absl::erase_if(windows_, [&](const auto& entry) { return now - entry.second.start >= window_; });
      // Whoever can make this many keys in one window has made the counts worthless; memory stays bounded.
      if (windows_.size() >= kMostKeys) windows_.clear();
    }
    windows_[std::string(key)] = {now, 1};
    return std::nullopt;
  }
  if (found->second.count >= limit_) return found->second.start + window_ - now;
  if (count) ++found->second.count;
  return std::nullopt;
}

}  // namespace aziot::provisiond::auth
