// What the HTTPS side answered: counted by family, by the hub that the Host field names, and by class of
// status. Thread-safe.
#pragma once

#include <vector>

#include "absl/time/time.h"
#include "common/metrics/metrics.h"
#include "provisiond/lifecycle/hubs.h"

namespace aziot::provisiond::api {

enum class Family { kDpsDevice, kDpsService, kHub, kOther };

class RequestCounts {
 public:
  RequestCounts(const Hubs& hubs, metrics::Registry& metrics);

  // `host` may be anything a client sent: what is no hub's name counts under `hub=""`.
  void Add(Family family, absl::string_view host, int status, absl::Duration latency);

 private:
  const Hubs& hubs_;
  std::vector<metrics::Counter*> counters_;  // by place of the hub, the nameless one last; family; class
  std::vector<metrics::Histogram*> latencies_;
};

}  // namespace aziot::provisiond::api
