// The routes that any peer may GET without an api-version: /live, /ready, /metrics.
#pragma once

#include <functional>
#include <optional>

#include "absl/status/status.h"
#include "common/http/message.h"
#include "common/metrics/metrics.h"

namespace aziot::server {

class Observing {
 public:
  Observing(const metrics::Registry& metrics, std::function<absl::Status()> ready)
      : metrics_(metrics), ready_(std::move(ready)) {}

  // Nothing when the request is for an rpc.
  std::optional<http::Response> Answer(const http::Request& request) const;

 private:
  const metrics::Registry& metrics_;
  const std::function<absl::Status()> ready_;
};

}  // namespace aziot::server
