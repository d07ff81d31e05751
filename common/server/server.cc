#include "common/server/server.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <limits>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "common/log/log.h"
#include "common/net/unix_socket.h"
#include "common/rpc/rest.h"
#include "common/server/bounds.h"
#include "common/server/calls.h"
#include "common/server/config_watch.h"
#include "common/server/connection_counts.h"
#include "common/server/grpc_gate.h"
#include "common/server/grpc_relay.h"
#include "common/server/lanes.h"
#include "common/server/listener.h"
#include "common/server/observing.h"
#include "common/server/process_signals.h"
#include "common/server/reactor.h"
#include "common/server/reloader.h"
#include "common/server/service_manager.h"
#include "common/status/errno_status.h"
#include "common/status/status_macros.h"

namespace aziot::server {
namespace {

using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

constexpr int kMostReactors = 4;

// Loading the module and making a connection's server take too long for a reactor, and must not wait for the
// cloud.
const Lane kGrpcConnections = Lane::Named("grpc connections");

std::vector<LaneOptions> WithOwnLanes(std::vector<LaneOptions> lanes) {
  lanes.push_back({.lane = kGrpcConnections, .threads = 1});
  return lanes;
}

int ReactorCount() {
  return std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 2, kMostReactors);
}

milliseconds Debounce() {
  const char* text = std::getenv("AZIOT_RELOAD_DEBOUNCE_MS");
  int value = 0;
  return text != nullptr && absl::SimpleAtoi(text, &value) && value >= 0 ? milliseconds(value)
                                                                         : milliseconds(10'000);
}

absl::StatusOr<net::UniqueFd> OpenSocket(const std::string& path) {
  ASSIGN_OR_RETURN(net::UniqueFd passed, net::ActivatedSocket());
  if (passed) return passed;
  return net::ListenUnix(path);
}

class DaemonServer final : public Server {
 public:
  DaemonServer(Options options, const rpc::Dispatcher& dispatcher, std::unique_ptr<Listener> listener,
               net::UniqueFd stop)
      : options_(std::move(options)),
        bounds_(BoundsOf(options_.limits)),
        metrics_(options_.metrics != nullptr ? *options_.metrics : own_metrics_),
        observing_(dispatcher, options_.name, metrics_, options_.ready),
        api_(dispatcher),
        lanes_(WithOwnLanes(options_.lanes)),
        calls_({.at_once = std::max<size_t>(options_.max_requests, 1),
                .waiting = bounds_.waiting_per_uid,
                .turn = absl::FromChrono(bounds_.turn)},
               lanes_, metrics_, dispatcher),
        counts_(bounds_.connections, bounds_.connections_per_uid),
        grpc_counts_(bounds_.connections, bounds_.grpc_connections_per_uid),
        relays_{bounds_, allowance_, grpc_counts_,
                metrics_.AddCounter("aziot_cut_connections", "gRPC connections cut off for what they sent.")},
        front_{dispatcher, api_, observing_, calls_, bounds_},
        listener_(std::move(listener)),
        stop_(std::move(stop)) {}

  ~DaemonServer() override {
    lanes_.Stop();  // its tasks post to the reactors
    for (const std::unique_ptr<Reactor>& reactor : reactors_) reactor->Stop();
  }

  absl::Status MakeReactors(const rpc::Dispatcher& dispatcher) {
    std::vector<EventLoop*> loops;
    Reactor::GrpcHandOver hand_over;
    if (options_.grpc) {
      hand_over = [this](net::UniqueFd fd, const net::Peer& peer,
                         std::shared_ptr<const ConnectionCounts::Place> place) {
        HandToGrpc(std::move(fd), peer, std::move(place));
      };
    }
    for (int i = 0; i < ReactorCount(); ++i) {
      ASSIGN_OR_RETURN(std::unique_ptr<Reactor> reactor, Reactor::New({.front = front_,
                                                                       .listener = *listener_,
                                                                       .counts = counts_,
                                                                       .relays = relays_,
                                                                       .grpc = hand_over,
                                                                       .all = reactors_}));
      loops.push_back(&reactor->loop());
      reactors_.push_back(std::move(reactor));
    }
    metrics_.AddGauge("aziot_connections", "Open connections.", {}, [this] { return counts_.total(); });
    if (!options_.grpc) return absl::OkStatus();
    grpc_calls_.emplace(dispatcher, calls_, std::move(loops));
    gate_.emplace(options_.grpc_module,
                  rpc::GrpcLimits{.receive_bytes = bounds_.body_bytes,
                                  .streams_a_connection = static_cast<int>(Http2Meter::kStreams),
                                  .idle_milliseconds = static_cast<int>(std::min<int64_t>(
                                      bounds_.idle.count(), std::numeric_limits<int>::max()))},
                  *grpc_calls_);
    return absl::OkStatus();
  }

  absl::Status Run() override {
    log::Info("Starting service...");
    log::Info("Version - {}", AZIOT_VERSION);
    absl::StatusOr<std::unique_ptr<ProcessSignals>> signals = ProcessSignals::Catch();
    // In a process with several servers (tests), one hears the signals and the others are stopped by Stop.
    if (!signals.ok() && !absl::IsAlreadyExists(signals.status())) return signals.status();
    ASSIGN_OR_RETURN(ConfigWatch watch, ConfigWatch::New(options_.watched));
    for (const std::unique_ptr<Reactor>& reactor : reactors_) RETURN_IF_ERROR(reactor->Start());
    TellServiceManager("READY=1");
    if (options_.announce) log::Info("Starting server...");
    WaitForStop(signals.ok() ? signals->get() : nullptr, watch);
    TellServiceManager("STOPPING=1");
    log::Info("Stopping...");
    if (options_.stopping) options_.stopping();
    Drain();
    return absl::OkStatus();
  }

  void Stop() override {
    const uint64_t one = 1;
    // Fails only when the counter is full, and then the stop is known.
    if (write(stop_.get(), &one, sizeof one) < 0) return;
  }

 private:
  // Signals, Stop and changed files; reloads run beside it.
  void WaitForStop(ProcessSignals* signals, ConfigWatch& watch) {
    Reloader reloader(options_.reload);
    const milliseconds debounce = Debounce();
    constexpr Steady::time_point kNever = Steady::time_point::max();
    Steady::time_point reload_at = kNever;
    while (true) {
      pollfd polled[] = {{.fd = stop_.get(), .events = POLLIN},
                         {.fd = watch.fd(), .events = POLLIN},
                         {.fd = signals != nullptr ? signals->fd() : -1, .events = POLLIN}};
      int wait = -1;
      if (reload_at != kNever) {
        const auto left = std::chrono::ceil<milliseconds>(reload_at - Steady::now()).count();
        wait = static_cast<int>(std::max<int64_t>(left, 0));
      }
      const int ready = poll(polled, std::size(polled), wait);
      if (ready < 0) continue;
      if (polled[0].revents != 0) return;
      if (polled[1].revents != 0 && watch.Changed()) reload_at = Steady::now() + debounce;
      if (polled[2].revents != 0) {
        const ProcessSignals::Seen seen = signals->Take();
        if (seen.stop) return;
        if (seen.reload) reload_at = Steady::now();
      }
      if (reload_at <= Steady::now()) {
        reload_at = kNever;
        reloader.Request();
      }
    }
  }

  void Drain() {
    const Steady::time_point end = Steady::now() + absl::ToChronoMilliseconds(options_.drain);
    const auto left = [end] {
      return std::max(milliseconds(0), std::chrono::duration_cast<milliseconds>(end - Steady::now()));
    };
    for (const std::unique_ptr<Reactor>& reactor : reactors_) reactor->Drain();
    // gRPC waits for its calls even when their time is over, so it does so beside the one who keeps the time.
    std::thread grpc;
    if (gate_.has_value()) grpc = std::thread([this, limit = left()] { gate_->Drain(limit); });
    if (!counts_.WaitUntilNone(left())) {
      log::Warn("{} connections are cut off: their requests did not end within {}", counts_.total(),
                absl::FormatDuration(options_.drain));
      // What runs may hang on a token or a peer; state is written atomically, so nothing is lost by not
      // waiting.
      std::_Exit(1);
    }
    if (grpc.joinable()) grpc.join();
  }

  void HandToGrpc(net::UniqueFd fd, const net::Peer& peer,
                  std::shared_ptr<const ConnectionCounts::Place> place) {
    // std::function copies what it holds, so what only moves is shared.
    const auto moved = std::make_shared<net::UniqueFd>(std::move(fd));
    const Lanes::Submitted submitted = lanes_.Submit(kGrpcConnections, peer.uid, [this, peer, moved, place] {
      gate_->Serve(std::move(*moved), peer, place);
    });
    if (submitted != Lanes::Submitted::kYes)
      log::Info("A gRPC connection of user {} was closed: busy", peer.uid);
  }

  const Options options_;
  const Bounds bounds_;
  metrics::Registry own_metrics_;
  metrics::Registry& metrics_;
  const Observing observing_;
  const rpc::RestApi api_;
  Lanes lanes_;
  Calls calls_;
  ConnectionCounts counts_;
  Http2Allowance allowance_;
  ConnectionCounts grpc_counts_;
  const GrpcRelays relays_;
  const RestFront front_;
  const std::unique_ptr<Listener> listener_;
  const net::UniqueFd stop_;
  std::vector<std::unique_ptr<Reactor>> reactors_;
  std::optional<GrpcCalls> grpc_calls_;
  std::optional<GrpcGate> gate_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::New(Options options, const rpc::Dispatcher& dispatcher) {
  ASSIGN_OR_RETURN(net::UniqueFd socket, OpenSocket(options.socket));
  ASSIGN_OR_RETURN(std::unique_ptr<Listener> listener, Listener::New(std::move(socket)));
  net::UniqueFd stop(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stop) return ErrnoStatus(errno, "eventfd");
  auto server =
      std::make_unique<DaemonServer>(std::move(options), dispatcher, std::move(listener), std::move(stop));
  RETURN_IF_ERROR(server->MakeReactors(dispatcher));
  return server;
}

int ExitCode(const absl::Status& status) {
  if (status.ok()) return 0;
  log::Error("{}", status);
  return 1;
}

}  // namespace aziot::server
