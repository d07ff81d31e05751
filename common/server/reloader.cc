#include "common/server/reloader.h"

#include <chrono>
#include <exception>
#include <system_error>

#include "common/log/log.h"

namespace aziot::server {
namespace {

constexpr std::chrono::seconds kAgain{1};

// What the disk or the process lacks for now, and not what the files hold.
bool WillPass(const absl::Status& status) {
  return absl::IsInternal(status) || absl::IsResourceExhausted(status) || absl::IsUnavailable(status);
}

}  // namespace

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
    const absl::Status status = Try();
    lock.lock();
    if (!WillPass(status)) continue;
    wake_.wait_for(lock, kAgain, [this] { return stopping_ || requested_; });
    requested_ = true;
  }
}

absl::Status Reloader::Try() {
  try {
    return reload_();
  } catch (const std::exception& thrown) {
    log::Error("reloading the configuration failed: {}; the last one stays", thrown.what());
    return absl::ResourceExhaustedError(thrown.what());
  }
}

}  // namespace aziot::server
