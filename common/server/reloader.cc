#include "common/server/reloader.h"

namespace aziot::server {

Reloader::~Reloader() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Reloader::Request() {
  if (reload_ == nullptr) return;
  const std::lock_guard lock(mutex_);
  requested_ = true;
  if (!thread_.joinable()) thread_ = std::thread([this] { Work(); });
  wake_.notify_all();
}

void Reloader::Work() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || requested_; });
    if (stopping_) return;
    requested_ = false;
    lock.unlock();
    reload_();
    lock.lock();
  }
}

}  // namespace aziot::server
