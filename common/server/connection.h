// What a reactor serves: one accepted connection, of either front. Lives on its reactor's thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <span>

#include "common/net/peer.h"
#include "common/net/unique_fd.h"
#include "common/server/connection_counts.h"
#include "common/server/event_loop.h"

namespace aziot::server {

class Connection : public EventLoop::Source, public std::enable_shared_from_this<Connection> {
 public:
  explicit Connection(const net::Peer& peer) : peer_(peer) {}

  // Does one piece of its work: reads once, works on one request at most. True: call it again, when others
  // had their turn.
  virtual bool Step() = 0;
  // The server stops: ends when at rest, else after what is at hand.
  virtual void Drain() = 0;
  // Ends at once.
  void OnExhausted() noexcept override = 0;

  uid_t uid() const { return peer_.uid; }
  // Of its owner: it stands in the queue of those who are ready.
  bool queued = false;

 protected:
  const net::Peer peer_;
};

// Who a connection runs for: its reactor.
class ConnectionOwner {
 public:
  virtual ~ConnectionOwner() = default;
  virtual EventLoop& loop() = 0;
  // `connection` has something to do: Step will be called when it is its uid's turn.
  virtual void MakeReady(Connection& connection) = 0;
  // It has ended; it stays valid until the events at hand are over.
  virtual void Forget(Connection& connection) = 0;
  // False: `uid` made so many gRPC connections, or had so many cut off, that it must wait for a next one.
  virtual bool AdmitsGrpc(uid_t uid) = 0;
  // It speaks HTTP/2, and nothing has been read from it.
  virtual void ServeGrpc(net::UniqueFd fd, const net::Peer& peer, ConnectionCounts::Place place) = 0;
  // Where to read to; shared by the connections of a reactor.
  virtual std::span<uint8_t> buffer() = 0;
};

}  // namespace aziot::server
