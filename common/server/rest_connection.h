// One connection of the REST front: sniffed, read, answered request by request in order, and ended when it is
// slow, idle or broken. Lives on its reactor's thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/bytes/bytes.h"
#include "common/http/message.h"
#include "common/http/request_parser.h"
#include "common/net/peer.h"
#include "common/net/unique_fd.h"
#include "common/rpc/rest.h"
#include "common/server/bounds.h"
#include "common/server/calls.h"
#include "common/server/connection.h"
#include "common/server/connection_counts.h"
#include "common/server/event_loop.h"
#include "common/server/observing.h"

namespace aziot::server {

// What all connections of a server share.
struct RestFront {
  const rpc::Dispatcher& dispatcher;
  const rpc::RestApi& api;
  const Observing& observing;
  Calls& calls;
  const Bounds& bounds;
};

class RestConnection final : public Connection {
 public:
  RestConnection(const RestFront& front, ConnectionOwner& owner, net::UniqueFd fd, const net::Peer& peer,
                 ConnectionCounts::Place place);
  ~RestConnection() override;

  // Begins to listen for events. Not OK: the kernel refuses, and the connection is to be dropped.
  absl::Status Start();
  void OnEvents(uint32_t events) override;
  bool Step() override;
  void Drain() override;
  void OnExhausted() noexcept override { Close(); }

 private:
  class Request;
  enum class State { kSniffing, kReading, kWorking, kWriting, kLingering, kRefused, kClosed };

  bool HasMore() const;
  void Sniff();
  void Read();
  // False when nothing could be read.
  bool Fill(BytesView& bytes);
  void Consume(BytesView bytes);
  void WaitForMore();
  void Begin(http::Request request);
  void CloseIfNobodyListens();
  void Refuse(int status);
  void Respond(const http::Response& response);
  void Send(std::string wire);
  void Flush();
  void Written();
  void ListenForWritable(bool listen);
  void Discard();
  void OnTimer();
  void Close();

  const RestFront& front_;
  ConnectionOwner& owner_;
  net::UniqueFd fd_;
  std::optional<ConnectionCounts::Place> place_;
  EventLoop::Timer timer_;
  std::unique_ptr<http::RequestParser> parser_;
  std::shared_ptr<Request> request_;  // while kWorking
  std::string unread_;                // read from the socket, not yet by the parser
  std::string unsent_;
  std::string request_id_;  // that the caller gave the request at hand
  size_t lingered_ = 0;
  State state_ = State::kSniffing;
  bool readable_ = false;
  bool told_when_writable_ = false;
  bool ended_ = false;  // the peer has closed its side
  bool gone_ = false;   // and hears nothing any more
  bool keep_alive_ = true;
  bool head_only_ = false;
  bool body_timed_ = false;
  bool header_timed_ = true;  // a new connection must send a header soon; later ones may rest first
  bool continued_ = false;
  bool answered_ = false;  // at least one request
  bool draining_ = false;
};

}  // namespace aziot::server
