// The listening socket: accepts, and asks the kernel who is at the other end before a byte is read. Any
// thread.
#pragma once

#include <memory>
#include <mutex>
#include <optional>

#include "absl/status/statusor.h"
#include "common/net/peer.h"
#include "common/net/unique_fd.h"

namespace aziot::server {

struct Accepted {
  net::UniqueFd fd;
  net::Peer peer;
};

class Listener {
 public:
  // Takes over a listening socket.
  static absl::StatusOr<std::unique_ptr<Listener>> New(net::UniqueFd socket);

  // Nothing when nobody waits. A status when no descriptor is left, not even the reserve: try again later.
  // With the reserve the one at the head of the queue is taken and closed, so that it does not wait for
  // nothing.
  absl::StatusOr<std::optional<Accepted>> Accept();
  int fd() const { return socket_.get(); }

 private:
  Listener(net::UniqueFd socket, net::UniqueFd reserve)
      : socket_(std::move(socket)), reserve_(std::move(reserve)) {}
  absl::Status DropOne(int error);

  net::UniqueFd socket_;
  std::mutex mutex_;
  net::UniqueFd reserve_;  // guarded by mutex_
};

}  // namespace aziot::server
