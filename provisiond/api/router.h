// The front desk of the HTTPS side: finds the family a request belongs to, writes its refusals in that
// family's format, and counts what was answered.
#pragma once

#include "common/clock/clock.h"
#include "common/http/message.h"
#include "common/metrics/metrics.h"
#include "provisiond/api/dps/device_api.h"
#include "provisiond/api/dps/service_api.h"
#include "provisiond/api/hub/hub_api.h"
#include "provisiond/api/request_counts.h"

namespace aziot::provisiond::api {

class Router {
 public:
  Router(dps::DeviceApi& dps_devices, dps::ServiceApi& dps_service, hub::HubApi& hub, const Hubs& hubs,
         metrics::Registry& metrics, Clock& clock)
      : dps_devices_(dps_devices),
        dps_service_(dps_service),
        hub_(hub),
        hubs_(hubs),
        counts_(hubs, metrics),
        clock_(clock) {}

  // `server_name` is the TLS handshake's, "" for none. Any thread.
  http::Response Handle(const http::Request& request, absl::string_view peer_address,
                        absl::string_view server_name = "");
  // Gives a refusal of the server itself, which nobody could tell a family of, the body and request id of the
  // others. Any thread.
  void CompleteRefusal(http::Response& response) const;

 private:
  absl::StatusOr<http::Response> Answer(const Call& call, Family family);

  dps::DeviceApi& dps_devices_;
  dps::ServiceApi& dps_service_;
  hub::HubApi& hub_;
  const Hubs& hubs_;
  RequestCounts counts_;
  Clock& clock_;
};

}  // namespace aziot::provisiond::api
