// What the service manager wants to know (sd_notify(3)): a datagram to the socket named by NOTIFY_SOCKET.
#pragma once

#include "absl/strings/string_view.h"

namespace aziot::server {

// `state` is "READY=1", "STOPPING=1", … Does nothing when no one asked.
void TellServiceManager(absl::string_view state);

}  // namespace aziot::server
