#include "aziotctl/super_config/split.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "aziotctl/super_config/daemon_text.h"
#include "aziotctl/super_config/locations.h"
#include "aziotctl/super_config/parts.h"
#include "common/ids/id.h"
#include "common/status/errno_status.h"
#include "common/status/status_macros.h"

namespace aziot::ctl {
namespace {

namespace v1 = config::v1;

constexpr uint32_t kLeastCloudTimeout = 70;
constexpr uint32_t kSrkIndex = 0x000001;
constexpr uint32_t kEkIndex = 0x010001;
constexpr absl::string_view kKeyParameters[] = {"homedir_path",    "pkcs11_lib_path", "pkcs11_base_slot",
                                                "tpm_tcti",        "tpm_parent",      "tpm_owner_auth",
                                                "tpm_parent_auth", "tpm_symmetric"};

absl::Status SplitGeneral(Parts& parts) {
  const v1::Super& super = parts.super;
  if (super.has_parent_hostname() && super.has_local_gateway_hostname()) {
    return absl::InvalidArgumentError(
        "duplicate field `parent_hostname`: local_gateway_hostname is the same option; give one of them");
  }
  if (super.has_cloud_timeout_sec() && super.cloud_timeout_sec() < kLeastCloudTimeout) {
    return absl::InvalidArgumentError("cloud_timeout_sec must be at least 70 seconds");
  }
  v1::Identityd& identityd = parts.identityd;
  identityd.set_hostname(super.has_hostname() ? super.hostname() : parts.around.hostname);
  identityd.set_homedir(absl::StrCat(parts.around.root, "/var/lib/aziot/identityd"));
  identityd.set_prefer_module_identity_cache(super.prefer_module_identity_cache());
  if (super.has_cloud_timeout_sec()) identityd.set_cloud_timeout_sec(super.cloud_timeout_sec());
  if (super.has_cloud_retries()) identityd.set_cloud_retries(super.cloud_retries());
  if (super.has_localid()) *identityd.mutable_localid() = super.localid();
  parts.certd.set_homedir_path(absl::StrCat(parts.around.root, "/var/lib/aziot/certd"));
  if (!super.has_aziot_max_requests()) return absl::OkStatus();
  const v1::MaxRequests& most = super.aziot_max_requests();
  if (most.keyd() == 0 || most.certd() == 0 || most.tpmd() == 0 || most.identityd() == 0) {
    return BadOption("aziot_max_requests", "each must be at least 1: 0 would let nothing through");
  }
  parts.keyd.set_max_requests(most.keyd());
  parts.certd.set_max_requests(most.certd());
  parts.tpmd.set_max_requests(most.tpmd());
  identityd.set_max_requests(most.identityd());
  return absl::OkStatus();
}

absl::Status SplitKeys(Parts& parts) {
  if (parts.super.has_key_library()) parts.keyd.set_key_library(parts.super.key_library());
  *parts.keyd.mutable_aziot_keys() = parts.super.aziot_keys();
  for (const auto& [name, value] : parts.super.aziot_keys()) {
    // A library has parameters of its own.
    if (!parts.super.has_key_library() &&
        std::find(std::begin(kKeyParameters), std::end(kKeyParameters), name) == std::end(kKeyParameters)) {
      parts.warnings.push_back(
          absl::StrCat("aziot_keys.", name, ": keyd knows no such parameter and will refuse it"));
    }
  }
  (*parts.keyd.mutable_aziot_keys())["homedir_path"] = absl::StrCat(parts.around.root, "/var/lib/aziot/keyd");
  for (const auto& [id, location] : parts.super.preloaded_keys()) {
    const std::string option = absl::StrCat("preloaded_keys.\"", id, "\"");
    if (id.empty() || !KeyId::Parse(id).ok()) return BadOption(option, "a key id is text without NUL");
    ASSIGN_OR_RETURN((*parts.keyd.mutable_preloaded_keys())[id], KeyLocation(option, location));
  }
  return absl::OkStatus();
}

absl::Status SplitCertificates(Parts& parts) {
  for (const auto& [id, from] : parts.super.preloaded_certs()) {
    const std::string option = absl::StrCat("preloaded_certs.\"", id, "\"");
    if (!CertId::Parse(id).ok()) return BadOption(option, "a certificate id is text without NUL");
    v1::PreloadedCert& to = (*parts.certd.mutable_preloaded_certs())[id];
    to = from;
    if (from.uri().empty()) continue;
    ASSIGN_OR_RETURN(const std::string location, FileLocation(option, from.uri()));
    to.set_uri(location);
  }
  return absl::OkStatus();
}

absl::Status SplitTpm(Parts& parts) {
  const v1::Tpm& from = parts.super.tpm();
  if (from.has_tcti()) parts.tpmd.set_tcti(from.tcti());
  if (from.has_auth_key_index()) parts.tpmd.set_auth_key_index(from.auth_key_index());
  if (from.auth_key_index() == kSrkIndex || from.auth_key_index() == kEkIndex) {
    return BadOption("tpm.auth_key_index", "the TPM's storage root or endorsement key lies there");
  }
  if (from.has_hierarchy_authorization())
    *parts.tpmd.mutable_hierarchy_authorization() = from.hierarchy_authorization();
  return absl::OkStatus();
}

void WriteRights(Parts& parts) {
  v1::KeyPrincipal& identityd = *parts.keyd.add_principal();
  identityd.set_uid(parts.around.identityd_uid);
  *identityd.mutable_keys() = {parts.identityd_keys.begin(), parts.identityd_keys.end()};
  if (!parts.certd_keys.empty()) {
    v1::KeyPrincipal& certd = *parts.keyd.add_principal();
    certd.set_uid(parts.around.certd_uid);
    *certd.mutable_keys() = {parts.certd_keys.begin(), parts.certd_keys.end()};
  }
  if (!parts.identityd_certs.empty()) {
    v1::CertPrincipal& principal = *parts.certd.add_principal();
    principal.set_uid(parts.around.identityd_uid);
    *principal.mutable_certs() = {parts.identityd_certs.begin(), parts.identityd_certs.end()};
  }
}

}  // namespace

std::string DeviceKeyFile(absl::string_view root) {
  return absl::StrCat(root, "/var/secrets/aziot/keyd/device-id");
}

absl::StatusOr<DaemonConfigs> Split(const v1::Super& super, const Surroundings& surroundings) {
  Parts parts{.super = super, .around = surroundings};
  RETURN_IF_ERROR(SplitGeneral(parts));
  RETURN_IF_ERROR(SplitKeys(parts));
  RETURN_IF_ERROR(SplitCertificates(parts));
  RETURN_IF_ERROR(SplitProvisioning(parts));
  RETURN_IF_ERROR(SplitLocalCa(parts));
  RETURN_IF_ERROR(SplitEst(parts));
  if (super.cert_issuance().has_local_ca()) parts.certd_keys.push_back(kLocalCa);
  RETURN_IF_ERROR(SplitTpm(parts));
  WriteRights(parts);
  DaemonConfigs configs{.keyd = FormatConfig(parts.keyd),
                        .certd = FormatConfig(parts.certd),
                        .identityd = FormatConfig(parts.identityd),
                        .tpmd = FormatConfig(parts.tpmd)};
  configs.device_key = std::move(parts.device_key);
  configs.warnings = std::move(parts.warnings);
  return configs;
}

}  // namespace aziot::ctl
