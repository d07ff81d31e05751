// The routes that any peer may GET without an api-version: /live, /ready, /metrics, /openapi.json.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "common/http/message.h"
#include "common/metrics/metrics.h"
#include "common/rpc/dispatcher.h"

namespace aziot::server {

class Observing {
 public:
  // `name` is the daemon's.
  Observing(const rpc::Dispatcher& dispatcher, std::string name, const metrics::Registry& metrics,
            std::function<absl::Status()> ready)
      : dispatcher_(dispatcher), name_(std::move(name)), metrics_(metrics), ready_(std::move(ready)) {}

  // Nothing when the request is for an rpc.
  std::optional<http::Response> Answer(const http::Request& request) const;

 private:
  const std::string& OpenApi() const;

  const rpc::Dispatcher& dispatcher_;
  const std::string name_;
  const metrics::Registry& metrics_;
  const std::function<absl::Status()> ready_;
  mutable std::once_flag made_;
  mutable std::string open_api_;  // made when it is first asked for: few ever do
};

}  // namespace aziot::server
