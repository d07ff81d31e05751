// What keyd tells a worker on the control socket once it runs: here is one more connection; or, finish.
#pragma once

#include "absl/status/statusor.h"
#include "common/files/descriptor.h"

namespace aziot::keyd::worker {

// False: the worker does not read any more.
bool SendSocket(int control, int socket);
bool SendFinish(int control);

struct ControlMessage {
  enum class Kind { kSocket, kFinish, kGone };
  Kind kind = Kind::kGone;
  files::Descriptor socket;
};

// Waits for the next one; kGone when keyd has closed its end.
ControlMessage ReceiveControl(int control);

}  // namespace aziot::keyd::worker
