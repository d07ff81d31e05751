#include "common/net/peer.h"

#include <sys/socket.h>

#include <cerrno>

#include "common/status/errno_status.h"

namespace aziot::net {

absl::StatusOr<Peer> PeerOf(int fd) {
  ucred credentials{};
  socklen_t size = sizeof(credentials);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    const absl::Status failed = ErrnoStatus(errno, "asking who is at the other end of a socket");
    return absl::InternalError(failed.message());
  }
  // Sockets that are no connected Unix sockets succeed with "nobody"; an answer without a process is no peer.
  if (credentials.uid == static_cast<uid_t>(-1)) {
    return absl::InternalError("asking who is at the other end of a socket: not a connected Unix socket");
  }
  return Peer{.uid = credentials.uid, .gid = credentials.gid, .pid = credentials.pid};
}

}  // namespace aziot::net
