// What each uid may cost the gRPC front beyond the calls it makes: new connections, and frames that nothing
// the server sent has paid for. Held per uid, so that many connections, or one that comes back after it was
// cut off, gain nothing. Any thread.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <mutex>
#include <unordered_map>

namespace aziot::server {

class Http2Allowance {
 public:
  using Steady = std::chrono::steady_clock;

  // False: so many were made, or cut off, that this one is refused.
  bool Connect(uid_t uid, Steady::time_point now);
  // False when the uid has not that much left; nothing is taken then.
  bool Spend(uid_t uid, double frames, Steady::time_point now);
  // A connection was cut off for what it sent.
  void WasCut(uid_t uid, Steady::time_point now);

  size_t remembered();  // uids

 private:
  static constexpr size_t kSweepFrom = 64;
  struct OfUid {
    double connections;
    double frames;
    Steady::time_point since;
  };
  static void Refill(OfUid& mine, Steady::time_point now);
  OfUid& Refilled(uid_t uid, Steady::time_point now);

  std::mutex mutex_;
  std::unordered_map<uid_t, OfUid> uids_;  // guarded by mutex_, as what follows
  size_t sweep_at_ = kSweepFrom;           // uids: then those that have all of it again are dropped
};

}  // namespace aziot::server
