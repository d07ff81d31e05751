#include "identityd/provisioning/dps/dps_source.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/status/status_macros.h"
#include "identityd/attestation/failure.h"
#include "identityd/provisioning/payload.h"

namespace aziot::identityd {
namespace {

class DpsSource final : public ProvisioningSource {
 public:
  DpsSource(DpsClient::Registration registration, std::string payload_uri, bool nested, DpsClient::Send send,
            Attestation& attestation, Clock& clock)
      : registration_(std::move(registration)),
        payload_uri_(std::move(payload_uri)),
        nested_(nested),
        client_(std::move(send), attestation, clock) {}

  bool uses_backup() const override { return !nested_; }
  std::string fingerprint() const override {
    return absl::StrCat("dps\n", registration_.endpoint, "\n", registration_.scope_id, "\n",
                        registration_.registration_id, "\nsymmetric_key");
  }
  Credential credential() const override { return registration_.credential; }

  absl::StatusOr<Assignment> Provision() override {
    if (nested_) return absl::UnimplementedError("DPS provisioning is not supported in nested mode");
    DpsClient::Registration registration = registration_;
    if (!payload_uri_.empty()) {
      absl::StatusOr<std::string> payload = ReadPayload(payload_uri_);
      if (!payload.ok()) return payload.status();
      registration.payload = *std::move(payload);
    }
    ASSIGN_OR_RETURN(const DpsAnswer answer, client_.Register(registration));
    Assignment assignment;
    assignment.device = {.hub_name = answer.assigned_hub,
                         .gateway_host = answer.assigned_hub,
                         .device_id = answer.device_id,
                         .credential = registration_.credential};
    assignment.trust_bundle = answer.trust_bundle;
    assignment.payload = answer.payload;
    assignment.substatus = answer.substatus;
    log::Info("Successfully provisioned with DPS.");
    if (!answer.substatus.empty()) log::Info("DPS says: {}.", answer.substatus);
    return assignment;
  }
  void Cancel() override { client_.Cancel(); }

 private:
  const DpsClient::Registration registration_;
  const std::string payload_uri_;
  const bool nested_;
  DpsClient client_;
};

absl::Status Missing(absl::string_view key) {
  return absl::InvalidArgumentError(absl::StrCat("provisioning.", key, " is missing (source = \"dps\")"));
}

}  // namespace

absl::StatusOr<std::shared_ptr<ProvisioningSource>> NewDpsSource(const config::v1::Provisioning& config,
                                                                 Attestation& attestation,
                                                                 DpsClient::Send send, Clock& clock) {
  const std::string& endpoint = config.global_endpoint();
  if (endpoint.empty()) return Missing("global_endpoint");
  if (!absl::StartsWith(endpoint, "https://") && !absl::StartsWith(endpoint, "http://")) {
    return absl::InvalidArgumentError(
        absl::StrCat("provisioning.global_endpoint = \"", endpoint, "\": expected a URL (https://…)"));
  }
  if (config.scope_id().empty()) return Missing("scope_id");
  if (config.attestation().registration_id().cn().empty()) return Missing("attestation.registration_id");
  if (config.attestation().symmetric_key().empty()) return Missing("attestation.symmetric_key");

  DpsClient::Registration registration;
  registration.endpoint = endpoint;
  if (config.has_dps_api_version()) registration.api_version = config.dps_api_version();
  registration.scope_id = config.scope_id();
  registration.registration_id = config.attestation().registration_id().cn();
  registration.credential = {
      .kind = Credential::Kind::kSas, .key_id = config.attestation().symmetric_key(), .cert_id = ""};
  return std::make_shared<DpsSource>(std::move(registration), config.payload().uri(),
                                     config.has_local_gateway_hostname(), std::move(send), attestation,
                                     clock);
}

}  // namespace aziot::identityd
