// SIGTERM, SIGINT and SIGHUP as something to poll for, whichever thread the kernel picks. SIGPIPE is ignored
// meanwhile.
#pragma once

#include <csignal>

#include "absl/status/statusor.h"
#include "common/net/unique_fd.h"

namespace aziot::server {

class ProcessSignals {
 public:
  struct Seen {
    bool stop = false;
    bool reload = false;
  };

  // One at a time in a process: kAlreadyExists otherwise.
  static absl::StatusOr<std::unique_ptr<ProcessSignals>> Catch();
  // Restores what was there before.
  ~ProcessSignals();

  // Readable when a signal has come since Take.
  int fd() const { return wake_.get(); }
  Seen Take();

 private:
  explicit ProcessSignals(net::UniqueFd wake);

  net::UniqueFd wake_;
  struct sigaction before_[4]{};
};

}  // namespace aziot::server
