// A daemon's socket and everything between it and the handlers: connections, protocol sniff, both fronts,
// turns, lanes, signals, readiness. main makes one, hands it the Dispatcher, and calls Run.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "aziot/config/v1/limits.pb.h"
#include "common/ids/lane.h"
#include "common/metrics/metrics.h"
#include "common/net/unique_fd.h"
#include "common/rpc/dispatcher.h"

namespace aziot::server {

struct LaneOptions {
  Lane lane;
  int threads = 1;
  int waiting = 1024;  // requests that may wait; a further one is answered 503
};

struct Options {
  std::string name;    // "keyd": used in metrics and log lines
  std::string socket;  // bound unless the service manager passed one
  config::v1::Limits limits;
  uint32_t max_requests = 10;  // worked on at a time, per uid
  bool grpc = true;
  std::string grpc_module;         // path of the module; empty: beside the program's tree
  std::vector<LaneOptions> lanes;  // besides `cpu` and `peers`, which always exist
  // SIGHUP, and changed configuration files. It logs what is wrong. kInternal, kResourceExhausted,
  // kUnavailable: the files could not be read for now, it is called again after a second; what is wrong in
  // them is not for now.
  std::function<absl::Status()> reload;
  // Watched for changes with a 10 s debounce (AZIOT_RELOAD_DEBOUNCE_MS for tests), together with their
  // parents.
  std::vector<std::string> watched;
  // Answers /ready: OK, or why not yet.
  std::function<absl::Status()> ready = [] { return absl::OkStatus(); };
  // Log `Starting server...` when requests are read. A daemon that may serve long before it has what it is
  // there for logs that line itself: scripts wait for it.
  bool announce = true;
  // What is being worked on when the daemon is told to stop has this long to end.
  absl::Duration drain = absl::Seconds(10);
  // Called once when the daemon is told to stop, before it waits for the requests that are being worked on:
  // lets go of callers that wait for something else.
  std::function<void()> stopping;
  // Where the server counts, and what /metrics shows; main's. None: the server has its own.
  metrics::Registry* metrics = nullptr;
};

class Server {
 public:
  // Binds (or takes over) the socket; no request is read before Run.
  static absl::StatusOr<std::unique_ptr<Server>> New(Options options, const rpc::Dispatcher& dispatcher);
  virtual ~Server() = default;

  // Serves until SIGTERM or SIGINT; then stops accepting, finishes what is being worked on, and
  // returns OK; what does not end in time is cut off by ending the process with status 1. Blocks.
  virtual absl::Status Run() = 0;
  // As SIGTERM does; any thread.
  virtual void Stop() = 0;
};

// 0 for OK; otherwise logs the status with its causes, one line each, and returns 1.
int ExitCode(const absl::Status& status);

}  // namespace aziot::server
