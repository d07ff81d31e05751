// Runs the reload of the configuration on a thread of its own, one at a time; what is asked for meanwhile is
// one more, and so is one that failed for a reason that passes.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "absl/status/status.h"

namespace aziot::server {

class Reloader {
 public:
  explicit Reloader(std::function<absl::Status()> reload) : reload_(std::move(reload)) {}
  // Lets a running reload end.
  ~Reloader();

  void Request();

 private:
  void Work();
  absl::Status Try();

  const std::function<absl::Status()> reload_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::thread thread_;  // from the first request on
  bool requested_ = false;
  bool stopping_ = false;
};

}  // namespace aziot::server
