// Who is at the other end of a Unix socket, asked of the kernel when the connection is accepted and never
// again: it belongs to the connection object, and nothing looks it up by a number the kernel may reuse.
#pragma once

#include <sys/types.h>

#include "absl/status/statusor.h"

namespace aziot::net {

struct Peer {
  uid_t uid = static_cast<uid_t>(-1);
  gid_t gid = static_cast<gid_t>(-1);
  pid_t pid = 0;  // for the log only
};

// SO_PEERCRED of a connected Unix socket; kInternal when the kernel refuses.
absl::StatusOr<Peer> PeerOf(int fd);

}  // namespace aziot::net
