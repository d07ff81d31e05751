// What the gRPC module sees of the server, for one connection: methods by path, calls and watches for its
// peer.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/net/peer.h"
#include "common/rpc/dispatcher.h"
#include "common/rpc/endpoint.h"
#include "common/server/calls.h"
#include "common/server/connection_counts.h"
#include "common/server/event_loop.h"

namespace aziot::server {

// What all gRPC connections of a server share.
class GrpcCalls {
 public:
  GrpcCalls(const rpc::Dispatcher& dispatcher, Calls& calls, std::vector<EventLoop*> loops);

  const google::protobuf::MethodDescriptor* Find(const std::string& path) const;
  const rpc::Dispatcher& dispatcher() const { return dispatcher_; }
  // Passes `call` to one of the reactors.
  EventLoop& NextLoop();
  absl::Time Until(rpc::Endpoint::Deadline asked) const;
  Calls& calls() { return calls_; }

 private:
  const rpc::Dispatcher& dispatcher_;
  Calls& calls_;
  const std::vector<EventLoop*> loops_;
  std::atomic<size_t> next_{0};
  std::unordered_map<std::string, const google::protobuf::MethodDescriptor*> methods_;
};

std::unique_ptr<rpc::Endpoint> NewGrpcEndpoint(GrpcCalls& shared, const net::Peer& peer,
                                               std::shared_ptr<const ConnectionCounts::Place> place);

}  // namespace aziot::server
