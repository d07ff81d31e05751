// The front desk of the HTTPS side: finds the family a request belongs to, and writes its refusals in that
// family's format.
#pragma once

#include "common/clock/clock.h"
#include "common/http/message.h"
#include "provisiond/api/dps/device_api.h"
#include "provisiond/api/dps/service_api.h"
#include "provisiond/api/hub/hub_api.h"

namespace aziot::provisiond::api {

class Router {
 public:
  Router(dps::DeviceApi& dps_devices, dps::ServiceApi& dps_service, hub::HubApi& hub, const Clock& clock)
      : dps_devices_(dps_devices), dps_service_(dps_service), hub_(hub), clock_(clock) {}

  // Any thread.
  http::Response Handle(const http::Request& request, absl::string_view peer_address);

 private:
  dps::DeviceApi& dps_devices_;
  dps::ServiceApi& dps_service_;
  hub::HubApi& hub_;
  const Clock& clock_;
};

}  // namespace aziot::provisiond::api
