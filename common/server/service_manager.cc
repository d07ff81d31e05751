#include "common/server/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "common/log/log.h"
#include "common/net/unique_fd.h"
#include "common/status/errno_status.h"

namespace aziot::server {

void TellServiceManager(absl::string_view state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || *path == '\0') return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const size_t length = std::strlen(path);
  if (length >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, path, length);
  // '@' is how the environment writes the NUL of an abstract address.
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const net::UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  if (sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address),
             size) < 0) {
    log::Warn("the service manager was not told {}: {}", state, ErrnoStatus(errno, "sendto"));
  }
}

}  // namespace aziot::server
