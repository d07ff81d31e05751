#include "common/server/calls.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/rpc/errors.h"
#include "common/rpc/wire_status.h"

namespace aziot::server {
namespace {

constexpr const char* kClasses[] = {"2xx", "4xx", "5xx"};

size_t ClassOf(const absl::Status& status) {
  if (status.ok()) return 0;
  return rpc::ToWire(status).http < 500 ? 1 : 2;
}

}  // namespace

void Call::OnTurn() {
  loop_.Post([self = shared_from_this()] {
    self->turn_timer_.reset();
    self->calls_->Run(self);
  });
}

Calls::Calls(const Limits& limits, Lanes& lanes, metrics::Registry& metrics,
             const rpc::Dispatcher& dispatcher)
    : limits_(limits),
      lanes_(lanes),
      turns_(limits.at_once, limits.waiting),
      refused_(
          metrics.AddCounter("aziot_refused_requests", "Requests that named no rpc or did not fit it.")) {
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

void Calls::Abandon(Call& call) {
  if (!call.turn_timer_.has_value()) return;
  call.turn_timer_.reset();
  // One whose turn has just come will run; nobody hears its answer.
  turns_.Cancel(call.context_.peer.uid, &call);
}

// What a library throws inside a handler ends that call, not the daemon.
absl::Status Calls::Handle(Call& call) {
  try {
    return call.Handle(call.context_);
  } catch (const std::exception& thrown) {
    return rpc::InternalError(thrown.what());
  }
}

void Calls::Run(const std::shared_ptr<Call>& call) {
  const absl::Status status = Handle(*call);
  if (rpc::CallContext::IsMark(status)) {
    Move(call);
    return;
  }
  turns_.Leave(call->context_.peer.uid);
  Finish(*call, status);
}

void Calls::Move(const std::shared_ptr<Call>& call) {
  const uid_t uid = call->context_.peer.uid;
  const Lane lane = call->context_.wanted();
  const auto give_back = [this, uid](const std::shared_ptr<Call>& moved, absl::Status status) {
    turns_.Leave(uid);
    moved->loop_.Post([this, moved, status = std::move(status)] { Finish(*moved, status); });
  };
  const Lanes::Submitted submitted = lanes_.Submit(lane, uid, [this, call, lane, give_back] {
    if (std::chrono::steady_clock::now() > call->until_) {
      give_back(call, rpc::Busy("waited too long for a thread"));
      return;
    }
    call->context_.RunOn(lane);
    absl::Status status = Handle(*call);
    if (rpc::CallContext::IsMark(status)) {
      Move(call);
    } else {
      give_back(call, std::move(status));
    }
  });
  if (submitted == Lanes::Submitted::kYes) return;
  give_back(call, submitted == Lanes::Submitted::kFull
                      ? rpc::Busy("too many requests are waiting")
                      : rpc::InternalError(absl::StrCat("no lane named '", lane.name(), "'")));
}

void Calls::Finish(Call& call, const absl::Status& status) {
  const auto counters = rpcs_.find(&call.method_);
  if (counters != rpcs_.end()) {
    counters->second.by_class[ClassOf(status)]->Add();
    counters->second.seconds->Observe(absl::FromChrono(std::chrono::steady_clock::now() - call.began_));
  }
  if (!status.ok()) Log(call.context_.peer.uid, call.method_.full_name(), status);
  call.turn_timer_.reset();
  call.Answer(status);
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
