// `[limits]` with its defaults filled in, and fitted to what the process may open.
#pragma once

#include <chrono>
#include <cstddef>

#include "aziot/config/v1/limits.pb.h"

namespace aziot::server {

struct Bounds {
  std::chrono::milliseconds header{2000};
  std::chrono::milliseconds body{5000};
  std::chrono::milliseconds idle{120000};
  std::chrono::milliseconds turn{30000};
  size_t header_bytes = 16 * 1024;
  size_t header_fields = 64;
  size_t body_bytes = 256 * 1024;
  size_t waiting_per_uid = 1024;
  size_t connections_per_uid = 1024;
  size_t connections = 4096;
  size_t grpc_connections_per_uid = 1024;  // each takes four descriptors
};

// Raises the soft limit of open files to the hard one; a uid gets at most half of it, and of all connections.
Bounds BoundsOf(const config::v1::Limits& limits);

}  // namespace aziot::server
