// One of the few threads that accept, read, run short handlers and write. Connections stay on the reactor
// that got them; those that are ready are served one uid after the other.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "common/server/connection.h"
#include "common/server/connection_counts.h"
#include "common/server/event_loop.h"
#include "common/server/grpc_relay.h"
#include "common/server/listener.h"
#include "common/server/rest_connection.h"
#include "common/server/round_robin.h"

namespace aziot::server {

class Reactor final : public ConnectionOwner {
 public:
  using GrpcHandOver =
      std::function<void(net::UniqueFd, const net::Peer&, std::shared_ptr<const ConnectionCounts::Place>)>;
  struct Shared {
    const RestFront& front;
    Listener& listener;
    ConnectionCounts& counts;
    const GrpcRelays& relays;
    GrpcHandOver grpc;  // nullptr: HTTP/2 is closed without a byte
    std::vector<std::unique_ptr<Reactor>>& all;
  };

  static absl::StatusOr<std::unique_ptr<Reactor>> New(const Shared& shared);
  ~Reactor() override;

  absl::Status Start();
  // Accepts no more and lets connections end. Any thread.
  void Drain();
  // Ends the thread, with what connections are left. Any thread but its own.
  void Stop();

  EventLoop& loop() override { return *loop_; }
  void MakeReady(Connection& connection) override;
  void Forget(Connection& connection) override;
  bool AdmitsGrpc(uid_t uid) override;
  void ServeGrpc(net::UniqueFd fd, const net::Peer& peer, ConnectionCounts::Place place) override;
  std::span<uint8_t> buffer() override { return buffer_; }

 private:
  class Acceptor;

  Reactor(const Shared& shared, std::unique_ptr<EventLoop> loop);
  absl::Status Listen();
  void Accept();
  void Admit(Accepted accepted);
  void Keep(const std::shared_ptr<Connection>& connection);
  void Adopt(net::UniqueFd fd, const net::Peer& peer, ConnectionCounts::Place place);
  Reactor& LeastBusy();
  bool RunReady();

  const Shared shared_;
  const std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<Acceptor> acceptor_;
  EventLoop::Timer accept_again_;
  std::unordered_map<Connection*, std::shared_ptr<Connection>> connections_;
  RoundRobin<std::shared_ptr<Connection>> ready_;
  std::vector<uint8_t> buffer_;
  std::atomic<size_t> load_{0};  // connections
  bool draining_ = false;
  std::thread thread_;
};

}  // namespace aziot::server
