// Who may do what at the hub: back ends with a policy's token, devices and modules with their own keys.
// Thread-safe.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "provisiond/api/call.h"
#include "provisiond/api/proofs.h"
#include "provisiond/auth/access_policies.h"
#include "provisiond/lifecycle/hubs.h"
#include "provisiond/lifecycle/registry.h"

namespace aziot::provisiond::api::hub {

class HubAccess {
 public:
  HubAccess(Registry& registry, auth::AccessPolicies& policies, Proofs& proofs)
      : registry_(registry), policies_(policies), proofs_(proofs) {}

  // A back end whose policy holds `permission`.
  absl::StatusOr<Actor> Service(const Call& call, const store::Hub& hub, absl::string_view permission);

  // The device `device_id` itself with its own key, or a policy with `permission`. kForbidden when a proven
  // device is disabled.
  absl::StatusOr<Actor> DeviceOrService(const Call& call, const store::Hub& hub, absl::string_view device_id,
                                        absl::string_view permission);

  // A device, or one of its modules, that sends: its own key, or the policy right DeviceConnect.
  struct Sender {
    store::Device device;
    std::optional<store::Module> module;
  };
  absl::StatusOr<Sender> SenderOf(const Call& call, const store::Hub& hub, absl::string_view device_id,
                                  const std::optional<std::string>& module_id);

 private:
  absl::StatusOr<Actor> Policy(const Call& call, const auth::SasToken& token, const store::Hub& hub,
                               absl::string_view permission);
  // kUnauthorized unless the device's key signed the token for `tail` under the hub.
  absl::Status ProveDevice(const Call& call, const auth::SasToken& token, const store::Hub& hub,
                           const store::Device& device, std::vector<std::string> tail);

  Registry& registry_;
  auth::AccessPolicies& policies_;
  Proofs& proofs_;
};

}  // namespace aziot::provisiond::api::hub
