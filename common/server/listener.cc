#include "common/server/listener.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <utility>

#include "common/log/log.h"
#include "common/status/errno_status.h"
#include "common/status/status_macros.h"

namespace aziot::server {
namespace {

net::UniqueFd OpenReserve() { return net::UniqueFd(open("/dev/null", O_RDONLY | O_CLOEXEC)); }

bool IsExhaustion(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Listener>> Listener::New(net::UniqueFd socket) {
  const int flags = fcntl(socket.get(), F_GETFL);
  if (flags < 0 || fcntl(socket.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    return ErrnoStatus(errno, "making the listening socket non-blocking");
  }
  return std::unique_ptr<Listener>(new Listener(std::move(socket), OpenReserve()));
}

absl::StatusOr<std::optional<Accepted>> Listener::Accept() {
  while (true) {
    net::UniqueFd fd(accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd) {
      const absl::StatusOr<net::Peer> peer = net::PeerOf(fd.get());
      if (!peer.ok()) {
        log::Error("a connection was closed: {}", peer.status());
        continue;
      }
      return Accepted{std::move(fd), *peer};
    }
    const int error = errno;
    if (error == EAGAIN || error == EWOULDBLOCK) return std::nullopt;
    if (IsExhaustion(error)) {
      RETURN_IF_ERROR(DropOne(error));
    } else if (error != EINTR && error != ECONNABORTED && error != EPROTO && error != EPERM) {
      return ErrnoStatus(error, "accept");
    }
  }
}

absl::Status Listener::DropOne(int error) {
  const std::lock_guard lock(mutex_);
  if (!reserve_) reserve_ = OpenReserve();
  if (!reserve_) return ErrnoStatus(error, "accept");
  reserve_.reset();
  net::UniqueFd dropped(accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  dropped.reset();
  reserve_ = OpenReserve();
  return absl::OkStatus();
}

}  // namespace aziot::server
