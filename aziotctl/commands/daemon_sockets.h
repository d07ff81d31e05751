// The running daemons, as the service manager and their sockets know them.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "aziotctl/commands/commands.h"
#include "common/http/message.h"

namespace aziot::ctl {

// In the order they are operated in: identityd first.
const std::vector<std::string>& Daemons();

// Those systemd has a unit of: without a TPM the TPM service need not be installed, the others must be.
std::vector<std::string> InstalledDaemons();

// systemd is this machine's init, and the daemons are its own, not those of a private root.
bool ServiceManagerRuns(const Invocation& invocation);

std::string SocketOf(const Invocation& invocation, absl::string_view daemon);

// GET `path` over the daemon's socket.
absl::StatusOr<http::Response> Get(const Invocation& invocation, absl::string_view daemon,
                                   absl::string_view path, absl::Duration timeout);

// Stops the services, starts the sockets and identityd, printing each step. Goes on after a failure, which it
// returns.
absl::Status RestartServices();
absl::Status StopServices();

// Runs a program with its output shown; its exit status. kUnavailable when it cannot be started.
absl::StatusOr<int> RunProgram(const std::vector<std::string>& words);
// The same with its output returned.
absl::StatusOr<std::string> OutputOf(const std::vector<std::string>& words);

}  // namespace aziot::ctl
