#include "common/rpc/feed.h"

namespace aziot::rpc {

void Feed::Set(Value value) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    value_ = std::move(value);
    ++number_;
  }
  const std::lock_guard<std::mutex> lock(watches_mutex_);
  for (const auto& [watch, changed] : watches_) changed();
}

std::pair<Feed::Value, uint64_t> Feed::Get() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return {value_, number_};
}

uint64_t Feed::Watch(std::function<void()> changed) {
  const std::lock_guard<std::mutex> lock(watches_mutex_);
  const uint64_t watch = next_watch_++;
  watches_.emplace(watch, std::move(changed));
  return watch;
}

void Feed::Cancel(uint64_t watch) {
  const std::lock_guard<std::mutex> lock(watches_mutex_);
  watches_.erase(watch);
}

}  // namespace aziot::rpc
