// One accepted connection: a small grpc::Server of its own, so that a call's peer is the connection's and is
// never looked up by a number the kernel may use again.
#pragma once

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "common/rpc/endpoint.h"

namespace aziot::grpc_front {

class Connection {
 public:
  // Takes over `fd`; nullptr when gRPC can make no server. `at_rest` is called, on any thread, when the last
  // call ended after Ended().
  static std::unique_ptr<Connection> New(int fd, std::unique_ptr<rpc::Endpoint> endpoint,
                                         const rpc::GrpcLimits& limits, std::function<void()> at_rest);
  // Blocks until its calls have ended; quick when there are none.
  ~Connection();

  // The peer has hung up: no call will come, and those that run are cancelled. True when there are none.
  bool Ended();
  // Ends its watches.
  void StopWatches();
  // No new calls; those that run may finish until `deadline`. Blocks.
  void Drain(rpc::Endpoint::Deadline deadline);

 private:
  // Methods by path, whatever they are: the endpoint knows them.
  class Service final : public grpc::CallbackGenericService {
   public:
    explicit Service(Connection& connection) : connection_(connection) {}
    grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext* context) override;

   private:
    Connection& connection_;
  };

  Connection(std::unique_ptr<rpc::Endpoint> endpoint, std::function<void()> at_rest);
  void CallBegan() { calls_.fetch_add(1); }
  void CallEnded();

  const std::unique_ptr<rpc::Endpoint> endpoint_;
  const std::function<void()> at_rest_;
  Service service_{*this};
  std::unique_ptr<grpc::Server> server_;
  std::atomic<int> calls_{0};
  std::atomic<bool> ended_{false};
  std::mutex mutex_;
  uint64_t next_watch_ = 0;
  std::map<uint64_t, std::function<void()>> watches_;  // how to stop each; guarded by mutex_
};

}  // namespace aziot::grpc_front
