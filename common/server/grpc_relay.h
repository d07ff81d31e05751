// A gRPC connection as the reactor sees it: passes bytes between the client and gRPC's end of a socket pair,
// and ends the connection when the meter says so, so that gRPC meets no client that costs it more than it
// should. Holds back whoever sends faster than the other side reads.
#pragma once

#include <memory>
#include <string>

#include "common/metrics/metrics.h"
#include "common/server/bounds.h"
#include "common/server/connection.h"
#include "common/server/http2_meter.h"

namespace aziot::server {

// What all gRPC connections of a server share.
struct GrpcRelays {
  const Bounds& bounds;
  Http2Allowance& allowance;
  ConnectionCounts& counts;
  metrics::Counter& cut;
};

class GrpcRelay final : public Connection {
 public:
  // `place` is given back when both this and gRPC's side have ended.
  GrpcRelay(const GrpcRelays& shared, ConnectionOwner& owner, net::UniqueFd client, net::UniqueFd grpc,
            const net::Peer& peer, std::shared_ptr<const ConnectionCounts::Place> place);

  // Begins to listen for events. Not OK: the kernel refuses, and the connection is to be dropped.
  absl::Status Start();
  void OnEvents(uint32_t events) override { OnEvents(client_, events); }
  bool Step() override;
  // gRPC ends its connections itself, and this follows.
  void Drain() override {}
  void OnExhausted() noexcept override { Close(); }

 private:
  // One of the two sockets, and what waits to be written to it.
  struct Side final : EventLoop::Source {
    Side(GrpcRelay& relay, net::UniqueFd fd) : relay(relay), fd(std::move(fd)) {}
    void OnEvents(uint32_t events) override { relay.OnEvents(*this, events); }
    void OnExhausted() noexcept override { relay.Close(); }
    // What waits may hold a key; and a connection at rest holds no buffer.
    void DropUnsent();

    GrpcRelay& relay;
    net::UniqueFd fd;
    std::string unsent;
    bool readable = false;
    bool told_when_writable = false;
    bool ended = false;  // nothing comes after what can be read
    bool deaf = false;   // and it takes nothing any more
  };
  enum class Read { kNothing, kSome, kEnd };

  void OnEvents(Side& side, uint32_t events);
  bool MayRead(const Side& from, const Side& to) const { return from.readable && to.unsent.empty(); }
  void PassOn(Side& from, Side& to);
  Read ReadFrom(Side& side, BytesView& bytes);
  bool Write(Side& side, BytesView bytes);
  bool Flush(Side& side);
  bool NotTaken(Side& side);
  bool ListenForWritable(Side& side, bool listen);
  void WatchForStall();
  void OnTimer();
  void Cut(absl::string_view why);
  void Close();

  const GrpcRelays& shared_;
  ConnectionOwner& owner_;
  Side client_;
  Side grpc_;
  std::shared_ptr<const ConnectionCounts::Place> place_;
  Http2Meter meter_;
  EventLoop::Timer timer_;  // for a call without its request, or a client that does not read
  bool timed_ = false;
  bool closed_ = false;
};

}  // namespace aziot::server
