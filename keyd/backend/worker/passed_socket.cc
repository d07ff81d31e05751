#include "keyd/backend/worker/passed_socket.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace aziot::keyd::worker {
namespace {

union OneDescriptor {
  cmsghdr aligned;
  char bytes[CMSG_SPACE(sizeof(int))];
};

}  // namespace

bool SendSocket(int control, int socket) {
  char byte = 's';
  iovec content{&byte, 1};
  OneDescriptor room{};
  msghdr message{};
  message.msg_iov = &content;
  message.msg_iovlen = 1;
  message.msg_control = room.bytes;
  message.msg_controllen = sizeof room.bytes;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof socket);
  std::memcpy(CMSG_DATA(header), &socket, sizeof socket);
  return sendmsg(control, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == 1;
}

bool SendFinish(int control) {
  const char byte = 'f';
  return send(control, &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1;
}

ControlMessage ReceiveControl(int control) {
  while (true) {
    char byte = 0;
    iovec content{&byte, 1};
    OneDescriptor room{};
    msghdr message{};
    message.msg_iov = &content;
    message.msg_iovlen = 1;
    message.msg_control = room.bytes;
    message.msg_controllen = sizeof room.bytes;
    const ssize_t count = recvmsg(control, &message, MSG_CMSG_CLOEXEC);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return ControlMessage();
    ControlMessage received;
    received.kind = byte == 'f' ? ControlMessage::Kind::kFinish : ControlMessage::Kind::kSocket;
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
         header = CMSG_NXTHDR(&message, header)) {
      if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
      int socket = -1;
      std::memcpy(&socket, CMSG_DATA(header), sizeof socket);
      received.socket = files::Descriptor(socket);
    }
    return received;
  }
}

}  // namespace aziot::keyd::worker
