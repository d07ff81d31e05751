// HubRegistry over HTTPS (cloud-protocols.md, section 3), with the device's own credential. Thread-safe.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "common/clock/clock.h"
#include "common/https/client.h"
#include "identityd/attestation/attestation.h"
#include "identityd/modules/hub_registry.h"

namespace aziot::identityd {

class HubClient final : public HubRegistry {
 public:
  using Send = std::function<absl::StatusOr<http::Response>(https::Call)>;

  static constexpr char kUsualApiVersion[] = "2017-11-08-preview";

  HubClient(Send send, Attestation& attestation, Clock& clock)
      : send_(std::move(send)), attestation_(attestation), clock_(clock) {}

  // For the requests from now on.
  void UseApiVersion(absl::string_view version);

  absl::StatusOr<std::vector<Module>> List(const DeviceIdentity& device) override;
  absl::StatusOr<Module> Get(const DeviceIdentity& device, absl::string_view module_id) override;
  absl::StatusOr<Module> Create(const DeviceIdentity& device, absl::string_view module_id) override;
  absl::StatusOr<Module> Update(const DeviceIdentity& device, const Module& module,
                                const ModuleKeyPair& keys) override;
  absl::Status Delete(const DeviceIdentity& device, absl::string_view module_id) override;

 private:
  struct Exchange {
    std::string method;
    std::string path;  // below /devices/{device}/modules
    std::string if_match;
    absl::string_view body;
  };
  // The answer when its status is 200; a Party::kHub failure otherwise (DELETE: any answer).
  absl::StatusOr<http::Response> Ask(const DeviceIdentity& device, const Exchange& exchange);
  absl::Status Refused(const http::Response& response) const;

  const Send send_;
  Attestation& attestation_;
  Clock& clock_;
  std::mutex mutex_;
  std::string api_version_ = kUsualApiVersion;
};

}  // namespace aziot::identityd
