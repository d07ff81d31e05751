#include "common/server/bounds.h"

#include <sys/resource.h>

#include <algorithm>

namespace aziot::server {
namespace {

// The client's socket, both ends of the pair before gRPC, and the one that hears of its end.
constexpr size_t kDescriptorsOfGrpc = 4;

rlim_t OpenFiles() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return RLIM_INFINITY;
  rlimit raised = files;
  raised.rlim_cur = raised.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &raised) == 0) return raised.rlim_cur;
  return files.rlim_cur;
}

}  // namespace

Bounds BoundsOf(const config::v1::Limits& limits) {
  using std::chrono::seconds;
  Bounds bounds;
  if (limits.has_header_seconds()) bounds.header = seconds(limits.header_seconds());
  if (limits.has_body_seconds()) bounds.body = seconds(limits.body_seconds());
  if (limits.has_idle_seconds()) bounds.idle = seconds(limits.idle_seconds());
  if (limits.has_turn_seconds()) bounds.turn = seconds(limits.turn_seconds());
  if (limits.has_header_bytes()) bounds.header_bytes = limits.header_bytes();
  if (limits.has_header_fields()) bounds.header_fields = limits.header_fields();
  if (limits.has_body_bytes()) bounds.body_bytes = limits.body_bytes();
  if (limits.has_waiting_per_uid()) bounds.waiting_per_uid = limits.waiting_per_uid();
  if (limits.has_connections_per_uid()) bounds.connections_per_uid = limits.connections_per_uid();
  if (limits.has_connections()) bounds.connections = limits.connections();
  // One uid at its bound must leave connections and descriptors for the others.
  bounds.connections_per_uid =
      std::min(bounds.connections_per_uid, std::max<size_t>(bounds.connections / 2, 1));
  if (const rlim_t files = OpenFiles(); files != RLIM_INFINITY) {
    bounds.connections_per_uid = std::min(bounds.connections_per_uid, std::max<size_t>(files / 2, 1));
    bounds.grpc_connections_per_uid = std::max<size_t>(files / 2 / kDescriptorsOfGrpc, 1);
  }
  bounds.grpc_connections_per_uid = std::min(bounds.grpc_connections_per_uid, bounds.connections_per_uid);
  return bounds;
}

}  // namespace aziot::server
