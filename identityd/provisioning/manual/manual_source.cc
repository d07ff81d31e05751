#include "identityd/provisioning/manual/manual_source.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"

namespace aziot::identityd {
namespace {

class ManualSource final : public ProvisioningSource {
 public:
  explicit ManualSource(DeviceIdentity device) : device_(std::move(device)) {}

  std::string fingerprint() const override {
    return absl::StrCat("manual\n", device_.hub_name, "\n", device_.gateway_host, "\n", device_.device_id,
                        "\n", device_.credential.key_id);
  }
  Credential credential() const override { return device_.credential; }
  absl::StatusOr<Assignment> Provision() override {
    log::Info("Updated device info for {}.", device_.device_id);
    return Assignment{.device = device_, .trust_bundle = "", .payload = "", .substatus = ""};
  }

 private:
  const DeviceIdentity device_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<ProvisioningSource>> NewManualSource(const config::v1::Provisioning& config) {
  if (config.iothub_hostname().empty()) {
    return absl::InvalidArgumentError("provisioning.iothub_hostname is missing (source = \"manual\")");
  }
  if (config.device_id().empty()) {
    return absl::InvalidArgumentError("provisioning.device_id is missing (source = \"manual\")");
  }
  if (config.authentication().device_id_pk().empty()) {
    return absl::InvalidArgumentError(
        "provisioning.authentication.device_id_pk is missing (method = \"sas\")");
  }
  DeviceIdentity device;
  device.hub_name = config.iothub_hostname();
  device.gateway_host =
      config.has_local_gateway_hostname() ? config.local_gateway_hostname() : device.hub_name;
  device.device_id = config.device_id();
  device.credential = {
      .kind = Credential::Kind::kSas, .key_id = config.authentication().device_id_pk(), .cert_id = ""};
  return std::make_shared<ManualSource>(std::move(device));
}

}  // namespace aziot::identityd
