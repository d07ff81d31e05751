// The door to the gRPC front: loads its module when the first HTTP/2 connection comes and hands connections
// over. A daemon that nobody calls by gRPC never loads it.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "common/net/peer.h"
#include "common/net/unique_fd.h"
#include "common/rpc/endpoint.h"
#include "common/server/connection_counts.h"
#include "common/server/grpc_endpoint.h"

namespace aziot::server {

class GrpcGate {
 public:
  // `module` empty: lib/aziot-identity-service/aziot_grpc.so of the tree the program stands in.
  GrpcGate(std::string module, const rpc::GrpcLimits& limits, GrpcCalls& calls);

  // Blocks for some milliseconds: not on a reactor. Closes the connection when the module cannot be loaded.
  void Serve(net::UniqueFd fd, const net::Peer& peer, std::shared_ptr<const ConnectionCounts::Place> place);
  // No more connections; watches end, calls may finish until `limit` has passed.
  void Drain(std::chrono::milliseconds limit);

 private:
  rpc::GrpcFront* Front();

  const std::string module_;
  const rpc::GrpcLimits limits_;
  GrpcCalls& calls_;
  std::mutex mutex_;
  std::unique_ptr<rpc::GrpcFront> front_;  // guarded by mutex_ until it is made
  bool told_ = false;                      // that the module cannot be loaded
  bool draining_ = false;
};

}  // namespace aziot::server
