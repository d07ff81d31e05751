// A call between a front and its handler: it takes its turn, runs where it was read or on the lane the
// handler asks for, is counted, and when it failed it is written to the log. Both fronts pass through here.
#pragma once

#include <google/protobuf/descriptor.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <unordered_map>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/metrics/metrics.h"
#include "common/rpc/call_context.h"
#include "common/rpc/dispatcher.h"
#include "common/server/event_loop.h"
#include "common/server/lanes.h"
#include "common/server/turns.h"

namespace aziot::server {

class Calls;

// Made by a front for one request; lives until its answer is given.
class Call : public Turns::Waiter, public EventLoop::Task, public std::enable_shared_from_this<Call> {
 public:
  Call(EventLoop& loop, const google::protobuf::MethodDescriptor& method, rpc::CallContext context)
      : loop_(loop), method_(method), context_(std::move(context)) {}

 private:
  friend class Calls;
  // Runs the handler and keeps its reply; the status is the handler's, a mark included.
  virtual absl::Status Handle(const rpc::CallContext& context) = 0;
  // The end of the call, once, on the loop's thread.
  virtual void Answer(const absl::Status& status) = 0;
  void OnTurn() override;
  // Its next step on the loop's thread.
  void RunTask() override;

  EventLoop& loop_;
  const google::protobuf::MethodDescriptor& method_;
  rpc::CallContext context_;
  Calls* calls_ = nullptr;
  std::chrono::steady_clock::time_point began_;
  std::chrono::steady_clock::time_point
      until_;  // may wait for a turn and a thread; no step of the wall clock moves it
  std::optional<EventLoop::Timer> turn_timer_;
  std::atomic<bool> abandoned_{false};
  enum class Next { kRun, kFinish, kDrop } next_ = Next::kRun;
  absl::Status ended_with_;  // of kFinish
};

class Calls {
 public:
  struct Limits {
    size_t at_once;
    size_t waiting;
    absl::Duration turn;
  };

  Calls(const Limits& limits, Lanes& lanes, metrics::Registry& metrics, const rpc::Dispatcher& dispatcher);

  // False when too many of the uid's requests wait: nothing was done and the call is not answered. Otherwise
  // it may be answered before this returns. On the loop's thread.
  bool Start(const std::shared_ptr<Call>& call);
  // The caller is gone: a call that still waits, for its turn or for a thread, will not run and is answered
  // with kCancelled, uncounted; what runs ends for itself. On the loop's thread.
  void Abandon(const std::shared_ptr<Call>& call);
  // One that never became a call (no such route, body not JSON, …): counted and logged.
  void Refused(uid_t uid, absl::string_view what, const absl::Status& status);

  absl::Time DeadlineFromNow() const { return absl::Now() + limits_.turn; }

 private:
  friend class Call;
  struct OfRpc {
    metrics::Counter* by_class[3];
    metrics::Histogram* seconds;
  };

  void Run(const std::shared_ptr<Call>& call);
  static absl::Status Handle(Call& call);
  void Move(const std::shared_ptr<Call>& call);
  void RunOnLane(const std::shared_ptr<Call>& call, const Lane& lane);
  // Gives its turn back and goes to the loop's thread.
  void Leave(const std::shared_ptr<Call>& call, Call::Next next, absl::Status status);
  void Finish(Call& call, const absl::Status& status);
  static void Drop(Call& call);
  void Record(const Call& call, const absl::Status& status);
  static void Log(uid_t uid, absl::string_view what, const absl::Status& status);

  const Limits limits_;
  Lanes& lanes_;
  Turns turns_;
  std::unordered_map<const google::protobuf::MethodDescriptor*, OfRpc> rpcs_;
  metrics::Counter& refused_;
};

}  // namespace aziot::server
