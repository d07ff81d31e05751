#include "common/server/reloader.h"

#include <exception>
#include <system_error>

#include "common/log/log.h"

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
  try {
    if (!thread_.joinable()) thread_ = std::thread([this] { Work(); });
  } catch (const std::system_error& refused) {
    log::Error("no thread to reload the configuration: {}; the last one stays", refused.what());
  }
  wake_.notify_all();
}

void Reloader::Work() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || requested_; });
    if (stopping_) return;
    requested_ = false;
    lock.unlock();
    try {
      reload_();
    } catch (const std::exception& thrown) {
      log::Error("reloading the configuration failed: {}; the last one stays", thrown.what());
    }
    lock.lock();
  }
}

}  // namespace aziot::server
