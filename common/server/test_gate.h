// For the tests of this room: handlers that are held up until the test lets them go.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>

#include "absl/strings/string_view.h"
#include "common/server/test_server.h"

namespace aziot::server {

// Holds callers until it is opened, and knows how many are inside.
class Gate {
 public:
  void Pass() {
    std::unique_lock lock(mutex_);
    ++inside_;
    wake_.notify_all();
    wake_.wait(lock, [this] { return open_; });
    --inside_;
  }
  void AwaitInside(int count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(wake_.wait_for(lock, std::chrono::seconds(30), [&] { return inside_ >= count; })) << inside_;
  }
  int inside() {
    const std::lock_guard lock(mutex_);
    return inside_;
  }
  void Open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    wake_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  int inside_ = 0;
  bool open_ = false;
};

inline keys::v1::KeyHandle Handle(absl::string_view text) {
  keys::v1::KeyHandle handle;
  handle.set_key_handle(std::string(text));
  return handle;
}

// "slow" waits at `gate` on the lane for peers; anything else answers where it is read.
inline TestKeys::GetKeyHandler SlowOrQuick(Gate& gate) {
  return [&gate](const rpc::CallContext& call, const std::string& id) -> absl::StatusOr<keys::v1::KeyHandle> {
    if (id == "slow") {
      if (absl::Status moved = call.MoveTo(Lane::Peers()); !moved.ok()) return moved;
      gate.Pass();
    }
    return Handle(id);
  };
}

}  // namespace aziot::server
