#pragma once

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace aziot::keyd {

// Prepared contexts of one key, each used by one thread at a time and then kept for the next. The
// lock is held for taking and returning only. Owner is a unique_ptr.
template <class Owner>
class ContextPool {
 public:
  // A kept context, or an empty owner: the caller makes one.
  Owner Take() {
    std::lock_guard lock(mutex_);
    if (idle_.empty()) return nullptr;
    Owner context = std::move(idle_.back());
    idle_.pop_back();
    return context;
  }
  void Return(Owner context) {
    std::lock_guard lock(mutex_);
    if (idle_.size() < kKept) idle_.push_back(std::move(context));
  }

 private:
  // As many as threads use one key at a time on a device; a further one is made and freed again.
  static constexpr size_t kKept = 16;

  std::mutex mutex_;
  std::vector<Owner> idle_;
};

}  // namespace aziot::keyd
