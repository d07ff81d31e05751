// Any bytes of the other end: what comes out is a message that was there, or a reason why there is none, and
// never more memory than a message may have.
#include <fcntl.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstdlib>
#include <utility>

#include "keyd/backend/worker/channel.h"
#include "keyd/backend/worker/messages.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace aziot::keyd::worker;  // NOLINT: one function
  if (size > 100'000) return 0;         // as much as a socket holds without a reader
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) std::abort();
  Channel ours{aziot::files::Descriptor(ends[0])};
  {
    const aziot::files::Descriptor theirs(ends[1]);
    if (send(theirs.get(), data, size, MSG_NOSIGNAL) != static_cast<ssize_t>(size)) std::abort();
  }
  v1::Answer answer;
  switch (ours.Receive(answer)) {
    case Transfer::kDone:
      // One message, as long as its header says.
      if (size < 4 || size - 4 != (size_t{data[0]} | size_t{data[1]} << 8 | size_t{data[2]} << 16))
        std::abort();
      StatusOf(answer.code(), answer.message()).IgnoreError();
      break;
    case Transfer::kTimeout:
    case Transfer::kNotDelivered:
      std::abort();
    case Transfer::kClosed:
    case Transfer::kGarbage:
      break;
  }
  return 0;
}
