#include "provisiond/api/request_counts.h"

#include <algorithm>

namespace aziot::provisiond::api {
namespace {

constexpr absl::string_view kFamilies[] = {"dps-device", "dps-service", "hub", "other"};
constexpr absl::string_view kClasses[] = {"2xx", "4xx", "5xx"};

size_t ClassOf(int status) { return status >= 500 ? 2 : status >= 400 ? 1 : 0; }

}  // namespace

RequestCounts::RequestCounts(const Hubs& hubs, metrics::Registry& metrics) : hubs_(hubs) {
  std::vector<std::string> names;
  for (const store::Hub& hub : hubs.all()) names.push_back(hub.host_name);
  names.emplace_back();
  for (const std::string& name : names) {
    for (const absl::string_view family : kFamilies) {
      for (const absl::string_view status : kClasses) {
        counters_.push_back(&metrics.AddCounter(
            "provisiond_https_requests", "Requests answered on the HTTPS listener.",
            {{"hub", name}, {"family", std::string(family)}, {"class", std::string(status)}}));
      }
    }
  }
  for (const absl::string_view family : kFamilies) {
    latencies_.push_back(&metrics.AddHistogram("provisiond_https_request_seconds",
                                               "From a request read to its answer made.",
                                               {{"family", std::string(family)}}));
  }
}

void RequestCounts::Add(Family family, absl::string_view host, int status, absl::Duration latency) {
  const std::vector<store::Hub>& all = hubs_.all();
  const store::Hub* hub = hubs_.ByRequestHost(host);
  const size_t place = hub == nullptr ? all.size() : static_cast<size_t>(hub - all.data());
  const size_t row = place * std::size(kFamilies) + static_cast<size_t>(family);
  counters_[row * std::size(kClasses) + ClassOf(status)]->Add();
  latencies_[static_cast<size_t>(family)]->Observe(latency);
}

}  // namespace aziot::provisiond::api
