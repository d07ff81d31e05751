// What was found on the token, so that an operation asks for nothing but itself; and for a moment what was
// not found, for keys that lie elsewhere are asked for here first.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>

#include "common/ids/id.h"

namespace aziot::keyd::pkcs11 {

// Thread-safe.
template <class Object>
class ObjectCache {
  using Clock = std::chrono::steady_clock;

 public:
  using Held = std::shared_ptr<const Object>;
  // Taken before the token is asked; what was found is kept only if nothing was changed since.
  struct Ticket {
    uint64_t generation;
    uint64_t changes;
  };

  explicit ObjectCache(std::chrono::milliseconds absence) : absence_(absence) {}

  Ticket Begin(uint64_t generation) const {
    std::lock_guard lock(mutex_);
    return {generation, changes_};
  }
  // nullptr when nothing is known that `generation` lets stand.
  Held Find(const KeyId& id, uint64_t generation) const {
    std::lock_guard lock(mutex_);
    const auto it = entries_.find(id);
    return it == entries_.end() || it->second.generation != generation ? nullptr : it->second.object;
  }
  bool IsKnownAbsent(const KeyId& id) const {
    std::lock_guard lock(mutex_);
    const auto it = absent_.find(id);
    return it != absent_.end() && Clock::now() < it->second;
  }
  void Put(const KeyId& id, Held object, const Ticket& ticket) {
    std::lock_guard lock(mutex_);
    if (ticket.changes != changes_) return;
    entries_[id] = {std::move(object), ticket.generation};
    absent_.erase(id);
  }
  void PutAbsent(const KeyId& id, const Ticket& ticket) {
    std::lock_guard lock(mutex_);
    if (ticket.changes != changes_) return;
    const Clock::time_point now = Clock::now();
    if (absent_.size() >= kMostAbsent)
      std::erase_if(absent_, [&](const auto& it) { return it.second <= now; });
    if (absent_.size() < kMostAbsent) absent_[id] = now + absence_;
    entries_.erase(id);
  }
  void Forget(const KeyId& id) {
    std::lock_guard lock(mutex_);
    ++changes_;
    entries_.erase(id);
    absent_.erase(id);
  }

 private:
  static constexpr size_t kMostAbsent = 1024;
  struct Entry {
    Held object;
    uint64_t generation;
  };

  const std::chrono::milliseconds absence_;
  mutable std::mutex mutex_;
  uint64_t changes_ = 0;
  std::map<KeyId, Entry> entries_;
  std::map<KeyId, Clock::time_point> absent_;
};

}  // namespace aziot::keyd::pkcs11
