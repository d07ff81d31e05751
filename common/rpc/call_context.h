// What a handler knows of its call besides the request: who asks, under which api-version, until when, and
// how to say that it will take longer.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/ids/lane.h"
#include "common/net/peer.h"

namespace aziot::rpc {

class CallContext {
 public:
  CallContext(const net::Peer& peer, absl::string_view api_version, absl::Time deadline)
      : peer(peer), api_version(api_version), deadline(deadline) {}

  const net::Peer peer;
  // "2026-12-01" for gRPC calls.
  const std::string api_version;
  const absl::Time deadline;

  // OK when the call already runs on `lane` (or `lane` is inline). Otherwise a mark to be returned at once:
  // the Dispatcher's caller runs the handler again, from its start, on that lane's thread, where this returns
  // OK. What stands before it in a handler is cheap and changes nothing.
  absl::Status MoveTo(const Lane& lane) const;

  // For those who run handlers: the lane the call runs on, and the one a handler asked for.
  void RunOn(const Lane& lane) { running_ = lane; }
  const Lane& wanted() const { return wanted_; }
  static bool IsMark(const absl::Status& status);

 private:
  Lane running_ = Lane::Inline();
  mutable Lane wanted_ = Lane::Inline();
};

}  // namespace aziot::rpc
