#include "common/server/calls.h"

#include <algorithm>
#include <exception>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/rpc/errors.h"
#include "common/rpc/wire_status.h"

namespace aziot::server {
namespace {

constexpr const char* kClasses[] = {"2xx", "4xx", "5xx"};

// Made in time: copies of it need no memory.
const absl::Status& NoMemory() {
  static const absl::Status status = absl::ResourceExhaustedError("out of memory");
  return status;
}

template <class Make>
absl::Status OrExhausted(const Make& make) {
  try {
    return make();
  } catch (const std::bad_alloc&) {
    return NoMemory();
  }
}

size_t ClassOf(const absl::Status& status) {
  if (status.ok()) return 0;
  return rpc::ToWire(status).http < 500 ? 1 : 2;
}

}  // namespace

// Without asking for memory: whoever calls it has a turn to give away.
void Call::OnTurn() {
  next_ = Next::kRun;
  loop_.Post(std::shared_ptr<EventLoop::Task>(shared_from_this()));
}

void Call::RunTask() {
  switch (next_) {
    case Next::kRun:
      turn_timer_.reset();
      calls_->Run(shared_from_this());
      return;
    case Next::kFinish:
      calls_->Finish(*this, ended_with_);
      return;
    case Next::kDrop:
      Calls::Drop(*this);
      return;
  }
}

Calls::Calls(const Limits& limits, Lanes& lanes, metrics::Registry& metrics,
             const rpc::Dispatcher& dispatcher)
    : limits_(limits),
      lanes_(lanes),
      turns_(limits.at_once, limits.waiting),
      refused_(
          metrics.AddCounter("aziot_refused_requests", "Requests that named no rpc or did not fit it.")) {
  NoMemory();
  for (const google::protobuf::ServiceDescriptor* service : dispatcher.services()) {
    for (int i = 0; i < service->method_count(); ++i) {
      const google::protobuf::MethodDescriptor* method = service->method(i);
      OfRpc& counters = rpcs_[method];
      for (size_t c = 0; c < std::size(kClasses); ++c) {
        counters.by_class[c] = &metrics.AddCounter("aziot_requests", "Answered requests.",
                                                   {{"rpc", method->full_name()}, {"class", kClasses[c]}});
      }
      counters.seconds =
          &metrics.AddHistogram("aziot_request_seconds", "From a request's last byte to its answer.",
                                {{"rpc", method->full_name()}});
    }
  }
}

bool Calls::Start(const std::shared_ptr<Call>& call) {
  call->calls_ = this;
  call->began_ = std::chrono::steady_clock::now();
  const absl::Duration patience =
      std::clamp(call->context_.deadline - absl::Now(), absl::ZeroDuration(), limits_.turn);
  call->until_ = call->began_ + absl::ToChronoNanoseconds(patience);
  switch (turns_.Enter(call->context_.peer.uid, call)) {
    case Turns::Entry::kFull:
      return false;
    case Turns::Entry::kGranted:
      Run(call);
      return true;
    case Turns::Entry::kWaits:
      break;
  }
  call->turn_timer_.emplace(call->loop_, [this, waiting = std::weak_ptr<Call>(call)] {
    const std::shared_ptr<Call> late = waiting.lock();
    // When it can no longer be cancelled its turn has just come.
    if (late == nullptr || !turns_.Cancel(late->context_.peer.uid, late.get())) return;
    Finish(*late, rpc::Busy("too many requests of this user are being worked on"));
  });
  // Rounded, so that the loop keeps few different durations.
  call->turn_timer_->Arm(std::chrono::ceil<std::chrono::seconds>(absl::ToChronoNanoseconds(patience)));
  return true;
}

void Calls::Abandon(const std::shared_ptr<Call>& call) {
  call->abandoned_ = true;  // seen when its turn has just come, or when a thread takes it
  if (call->turn_timer_.has_value() && turns_.Cancel(call->context_.peer.uid, call.get())) Drop(*call);
}

void Calls::Drop(Call& call) {
  call.turn_timer_.reset();
  call.Answer(absl::CancelledError(""));
}

// What a library throws inside a handler ends that call, not the daemon.
absl::Status Calls::Handle(Call& call) {
  return OrExhausted([&call] {
    try {
      return call.Handle(call.context_);
    } catch (const std::bad_alloc&) {
      throw;
    } catch (const std::exception& thrown) {
      return rpc::InternalError(thrown.what());
    }
  });
}

void Calls::Run(const std::shared_ptr<Call>& call) {
  if (call->abandoned_) {
    turns_.Leave(call->context_.peer.uid);
    Drop(*call);
    return;
  }
  const absl::Status status = Handle(*call);
  if (rpc::CallContext::IsMark(status)) {
    Move(call);
    return;
  }
  turns_.Leave(call->context_.peer.uid);
  Finish(*call, status);
}

void Calls::Move(const std::shared_ptr<Call>& call) {
  const absl::Status refusal = OrExhausted([&] {
    const Lane lane = call->context_.wanted();
    switch (lanes_.Submit(lane, call->context_.peer.uid, [this, call, lane] { RunOnLane(call, lane); })) {
      case Lanes::Submitted::kYes:
        return absl::OkStatus();
      case Lanes::Submitted::kFull:
        return rpc::Busy("too many requests are waiting");
      case Lanes::Submitted::kNoSuchLane:
        break;
    }
    return rpc::InternalError(absl::StrCat("no lane named '", lane.name(), "'"));
  });
  if (!refusal.ok()) Leave(call, Call::Next::kFinish, refusal);
}

void Calls::RunOnLane(const std::shared_ptr<Call>& call, const Lane& lane) {
  if (call->abandoned_) {
    Leave(call, Call::Next::kDrop, absl::OkStatus());
    return;
  }
  absl::Status status = OrExhausted([&] {
    if (std::chrono::steady_clock::now() > call->until_) return rpc::Busy("waited too long for a thread");
    call->context_.RunOn(lane);
    return Handle(*call);
  });
  if (rpc::CallContext::IsMark(status)) {
    Move(call);
  } else {
    Leave(call, Call::Next::kFinish, std::move(status));
  }
}

void Calls::Leave(const std::shared_ptr<Call>& call, Call::Next next, absl::Status status) {
  turns_.Leave(call->context_.peer.uid);
  call->next_ = next;
  call->ended_with_ = std::move(status);
  call->loop_.Post(std::shared_ptr<EventLoop::Task>(call));
}

void Calls::Finish(Call& call, const absl::Status& status) {
  Record(call, status);
  call.turn_timer_.reset();
  call.Answer(status);
}

void Calls::Record(const Call& call, const absl::Status& status) {
  try {
    if (const auto counters = rpcs_.find(&call.method_); counters != rpcs_.end()) {
      counters->second.by_class[ClassOf(status)]->Add();
      counters->second.seconds->Observe(absl::FromChrono(std::chrono::steady_clock::now() - call.began_));
    }
    if (!status.ok()) Log(call.context_.peer.uid, call.method_.full_name(), status);
  } catch (const std::bad_alloc&) {
    return;  // the answer matters more
  }
}

void Calls::Refused(uid_t uid, absl::string_view what, const absl::Status& status) {
  refused_.Add();
  Log(uid, what, status);
}

void Calls::Log(uid_t uid, absl::string_view what, const absl::Status& status) {
  const rpc::WireStatus wire = rpc::ToWire(status);
  if (wire.http >= 500) {
    log::Error("{} by uid {} failed with {}: {}", what, uid, wire.http, status);
  } else {
    log::Info("{} by uid {} failed with {}: {}", what, uid, wire.http, status);
  }
}

}  // namespace aziot::server
