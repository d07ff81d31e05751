// One end of the sockets between keyd and a worker: whole messages behind their length, with a deadline.
// What passes may hold keys, PINs and plaintexts: the buffer is wiped after every message.
#pragma once

#include <google/protobuf/message_lite.h>

#include <chrono>

#include "common/bytes/bytes.h"
#include "common/files/descriptor.h"

namespace aziot::keyd::worker {

enum class Transfer {
  kDone,
  kNotDelivered,  // the other end is gone and has not read the message that was sent last
  kClosed,        // the other end is gone; whatever it did before is unknown
  kTimeout,
  kGarbage,  // longer than any message may be, not a message, or more than one
};

class Channel {
 public:
  // Of one message; also what keeps a broken worker from filling keyd's memory.
  static constexpr size_t kMostBytes = size_t{64} << 20;

  Channel() = default;
  explicit Channel(files::Descriptor socket) : socket_(std::move(socket)) {}
  Channel(Channel&&) = default;
  Channel& operator=(Channel&&) = default;
  ~Channel();

  // For each later Send and Receive; zero: none.
  void SetTimeout(std::chrono::milliseconds timeout);
  Transfer Send(const google::protobuf::MessageLite& message);
  Transfer SendBytes(BytesView message);
  Transfer Receive(google::protobuf::MessageLite& message);

  int fd() const { return socket_.get(); }

 private:
  using Clock = std::chrono::steady_clock;

  Transfer Write(size_t size);
  Transfer ReadSome(size_t& size, size_t most);
  bool Late(Clock::time_point started) const {
    return timeout_.count() != 0 && Clock::now() - started >= timeout_;
  }
  // Room for `size` bytes; the first `kept` stay.
  void Reserve(size_t size, size_t kept);
  void Wipe(size_t size);

  files::Descriptor socket_;
  std::chrono::milliseconds timeout_{0};
  Bytes buffer_;
};

}  // namespace aziot::keyd::worker
