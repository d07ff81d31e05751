// Where long work runs: `cpu`, `peers` and one lane per token or TPM, each with threads of its own and a
// bounded queue that is served one uid after the other. Threads start when they are first needed.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/ids/lane.h"
#include "common/server/server.h"

namespace aziot::server {

class Lanes {
 public:
  enum class Submitted { kYes, kFull, kNoSuchLane };

  // `extra` besides the two that always exist.
  explicit Lanes(const std::vector<LaneOptions>& extra);
  ~Lanes();

  Submitted Submit(const Lane& lane, uid_t uid, std::function<void()> task);
  // Finishes what runs and what waits; takes no more. Blocks.
  void Stop();

 private:
  class Pool;
  std::map<std::string, std::unique_ptr<Pool>> pools_;
};

}  // namespace aziot::server
