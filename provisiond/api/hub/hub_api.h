// The hub as back ends and devices meet it over HTTPS: devices, modules, twins, queries, telemetry.
// Thread-safe.
#pragma once

#include "absl/status/statusor.h"
#include "common/http/message.h"
#include "provisiond/api/call.h"
#include "provisiond/api/hub/hub_access.h"
#include "provisiond/lifecycle/hubs.h"
#include "provisiond/lifecycle/json.h"
#include "provisiond/lifecycle/query.h"
#include "provisiond/lifecycle/registry.h"
#include "provisiond/lifecycle/telemetry.h"
#include "provisiond/lifecycle/twins.h"

namespace aziot::provisiond::api::hub {

class HubApi {
 public:
  HubApi(Registry& registry, Twins& twins, Telemetry& telemetry, const Hubs& hubs, HubAccess& access)
      : registry_(registry), twins_(twins), telemetry_(telemetry), hubs_(hubs), access_(access) {}

  static bool Owns(const Call& call);
  absl::StatusOr<http::Response> Handle(const Call& call);

 private:
  absl::StatusOr<http::Response> Devices(const Call& call, const store::Hub& hub);
  absl::StatusOr<http::Response> Device(const Call& call, const store::Hub& hub, const std::string& id);
  absl::StatusOr<http::Response> ModulesOf(const Call& call, const store::Hub& hub, const std::string& id);
  absl::StatusOr<http::Response> Module(const Call& call, const store::Hub& hub, const std::string& device_id,
                                        const std::string& id);
  absl::StatusOr<http::Response> Bulk(const Call& call, const store::Hub& hub);
  absl::Status BulkItem(const Json& item, const store::Hub& hub, const Actor& actor);
  absl::StatusOr<http::Response> RunQuery(const Call& call, const store::Hub& hub);
  absl::StatusOr<Json> DocumentOf(const store::Device& device, const store::Module* module);
  absl::StatusOr<int64_t> CountMatches(const Query& query, const store::Hub& hub);
  // Adds those of `device` that match.
  absl::Status AddMatches(const Query& query, const store::Device& device, Json& list);
  absl::StatusOr<http::Response> Twin(const Call& call, const store::Hub& hub);
  absl::StatusOr<http::Response> Send(const Call& call, const store::Hub& hub, const std::string& device_id,
                                      const std::optional<std::string>& module_id);
  absl::StatusOr<http::Response> Statistics(const Call& call, const store::Hub& hub);

  Registry& registry_;
  Twins& twins_;
  Telemetry& telemetry_;
  const Hubs& hubs_;
  HubAccess& access_;
};

}  // namespace aziot::provisiond::api::hub
