#include "identityd/config.h"

#include <algorithm>
#include <utility>

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

absl::StatusOr<Config> Checked(v1::Identityd options, std::vector<std::string> warnings) {
  Config config;
  config.warnings = std::move(warnings);
  if (options.has_cloud_timeout_sec() && options.cloud_timeout_sec() < kLeastTimeout) {
    return absl::InvalidArgumentError("cloud_timeout_sec must be at least 70 seconds");
  }
  ASSIGN_OR_RETURN(config.principals, ToPrincipals(options));
  for (const std::string& warning : config.principals.warnings()) config.warnings.push_back(warning);
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
