#include "identityd/config.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/status/status_macros.h"

namespace aziot::identityd {
namespace {

namespace v1 = config::v1;
constexpr uint32_t kLeastTimeout = 70;

absl::Status Invalid(const std::string& name, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("invalid config for ", name, ": ", what));
}

absl::StatusOr<IdTypes> ToIdTypes(const std::string& name, const v1::IdTypes& types) {
  IdTypes made;
  for (const std::string& type : types.types()) {
    if (type == "device") {
      made.device = true;
    } else if (type == "module") {
      made.module = true;
    } else if (type == "local") {
      made.local = true;
    } else {
      return Invalid(name, absl::StrCat("idtype \"", type, "\": expected device, module or local"));
    }
  }
  return made;
}

absl::StatusOr<LocalOptions> ToLocalOptions(const std::string& name, const v1::LocalIdOptions& options) {
  if (options.type() != "x509") return Invalid(name, "localid.type: expected x509");
  if (!options.has_attributes() || options.attributes() == "client") return LocalOptions{.server = false};
  if (options.attributes() == "server") return LocalOptions{.server = true};
  return Invalid(name, "localid.attributes: expected client or server");
}

absl::StatusOr<Principals> ToPrincipals(const v1::Identityd& options) {
  std::vector<Principal> principals;
  for (const v1::Principal& from : options.principal()) {
    Principal principal;
    principal.uid = from.uid();
    principal.name = from.name();
    if (from.has_idtype()) {
      ASSIGN_OR_RETURN(principal.idtypes, ToIdTypes(from.name(), from.idtype()));
    }
    if (from.has_localid()) {
      ASSIGN_OR_RETURN(principal.local, ToLocalOptions(from.name(), from.localid()));
    }
    principals.push_back(std::move(principal));
  }
  return Principals::Make(std::move(principals), {.has_hub = options.provisioning().source() != "none",
                                                  .has_localid = options.has_localid()});
}

absl::Status CheckApiVersion(absl::string_view key, const std::string& version) {
  const bool usual = !version.empty() && std::all_of(version.begin(), version.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '-' || c == '.';
  });
  if (usual) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(key, " = \"", version, "\": expected an api-version (letters, digits, - and .)"));
}

absl::Status CheckCloudOptions(const v1::Identityd& options) {
  if (options.has_cloud_timeout_sec() && options.cloud_timeout_sec() < kLeastTimeout) {
    return absl::InvalidArgumentError("cloud_timeout_sec must be at least 70 seconds");
  }
  const std::string& product = options.product_info();
  if (!std::all_of(product.begin(), product.end(), [](unsigned char c) { return absl::ascii_isprint(c); })) {
    return absl::InvalidArgumentError("product_info: expected printable ASCII");
  }
  const v1::Provisioning& provisioning = options.provisioning();
  if (provisioning.has_dps_api_version()) {
    RETURN_IF_ERROR(CheckApiVersion("provisioning.dps_api_version", provisioning.dps_api_version()));
  }
  if (provisioning.has_hub_api_version()) {
    RETURN_IF_ERROR(CheckApiVersion("provisioning.hub_api_version", provisioning.hub_api_version()));
  }
  return absl::OkStatus();
}

absl::StatusOr<Config> Checked(v1::Identityd options, std::vector<std::string> warnings) {
  Config config;
  config.warnings = std::move(warnings);
  RETURN_IF_ERROR(CheckCloudOptions(options));
  ASSIGN_OR_RETURN(config.principals, ToPrincipals(options));
  for (const std::string& warning : config.principals.warnings()) config.warnings.push_back(warning);
  const v1::Attestation& attestation = options.provisioning().attestation();
  if (attestation.has_identity_auto_renew() && attestation.method() != "x509") {
    config.warnings.push_back(
        "provisioning.attestation.identity_auto_renew has no effect: it is for attestation with x509");
  }
  config.options = std::move(options);
  return config;
}

}  // namespace

absl::Duration Config::cloud_timeout() const {
  return absl::Seconds(options.has_cloud_timeout_sec() ? options.cloud_timeout_sec() : kLeastTimeout);
}

int Config::cloud_retries() const {
  constexpr uint32_t kMost = 1000;
  return options.has_cloud_retries() ? static_cast<int>(std::min(options.cloud_retries(), kMost)) : 1;
}

std::vector<std::string> KeysThatNeedARestart(const Config& running, const Config& next) {
  const v1::Identityd& was = running.options;
  const v1::Identityd& is = next.options;
  std::vector<std::string> keys;
  if (was.homedir() != is.homedir()) keys.push_back("homedir");
  if (was.has_max_requests() != is.has_max_requests() || was.max_requests() != is.max_requests())
    keys.push_back("max_requests");
  if (was.limits().SerializeAsString() != is.limits().SerializeAsString()) keys.push_back("[limits]");
  if (was.has_grpc() != is.has_grpc() || was.grpc() != is.grpc()) keys.push_back("grpc");
  if (was.product_info() != is.product_info()) keys.push_back("product_info");
  return keys;
}

absl::StatusOr<Config> LoadConfig(const config::Sources& sources) {
  v1::Identityd options;
  ASSIGN_OR_RETURN(std::vector<std::string> warnings, config::Load(sources, options));
  return Checked(std::move(options), std::move(warnings));
}

absl::StatusOr<Config> LoadConfigText(absl::string_view name, absl::string_view toml) {
  v1::Identityd options;
  ASSIGN_OR_RETURN(std::vector<std::string> warnings, config::LoadText(name, toml, options));
  return Checked(std::move(options), std::move(warnings));
}

std::set<std::string> ParsePreviousModules(absl::string_view toml) {
  const absl::StatusOr<Config> config = LoadConfigText("prev_state", toml);
  if (config.ok()) return config->principals.ModuleNames();
  log::Warn("Ignoring invalid device settings backup: {}", config.status());
  return {};
}

}  // namespace aziot::identityd
