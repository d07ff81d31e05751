// What the gRPC module and the server that loads it know of each other: standard types only, because the
// module links gRPC alone and must not meet our Abseil or our generated messages. One Endpoint belongs to one
// accepted connection and holds its peer.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace aziot::rpc {

class Endpoint {
 public:
  // `code` is gRPC's; `payload` is the serialised reply when it is 0.
  struct Answer {
    int code = 0;
    std::string message;
    std::string payload;
  };
  // The values of a streaming call, newest first: a value the client was too slow for is skipped.
  class Stream {
   public:
    virtual ~Stream() = default;  // `changed` may still run once that was under way
    // The newest value when it was not taken before.
    virtual bool Take(std::string& payload) = 0;
  };
  enum class Kind { kUnknown, kUnary, kStream };
  using Deadline = std::chrono::system_clock::time_point;
  // Gives up a call whose client is gone: when it still waits for its turn or for a thread it will not run,
  // and `done` gets some error soon. Any thread, as long as the endpoint lives.
  using GiveUp = std::function<void()>;

  virtual ~Endpoint() = default;  // the connection has ended

  // `path` as HTTP/2 carries it: "/aziot.keys.v1.Keys/Sign".
  virtual Kind KindOf(const std::string& path) const = 0;
  // `done` runs once, on a thread of the server.
  virtual GiveUp Call(const std::string& path, std::string request, Deadline deadline,
                      std::function<void(Answer)> done) = 0;
  // `done` gets the stream when the code is 0. `changed` may run from then on, on any thread, when Take has
  // something.
  virtual GiveUp Watch(const std::string& path, std::string request, Deadline deadline,
                       std::function<void()> changed,
                       std::function<void(Answer, std::unique_ptr<Stream>)> done) = 0;
};

struct GrpcLimits {
  size_t receive_bytes;      // of one message
  int streams_a_connection;  // open at a time
  int idle_milliseconds;     // a connection may be without a call
};

class GrpcFront {
 public:
  // Ends what is left of the connections.
  virtual ~GrpcFront() = default;
  // Takes over a connected, non-blocking socket from which nothing has been read. `endpoint` is destroyed
  // when the connection has ended. Any thread.
  virtual void Serve(int fd, std::unique_ptr<Endpoint> endpoint) = 0;
  // No new calls; watches end, calls that run may finish until `deadline`. Blocks.
  virtual void Drain(Endpoint::Deadline deadline) = 0;
};

// The module's one entry point; its name changes with this header. nullptr when the process has no
// descriptors left.
inline constexpr char kGrpcFrontEntry[] = "aziot_grpc_front_v3";
using NewGrpcFront = GrpcFront* (*)(const GrpcLimits& limits);

}  // namespace aziot::rpc
