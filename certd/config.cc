#include "certd/config.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "aziot/config/v1/certd.pb.h"
#include "certd/issuer/issuers.h"
#include "common/status/errno_status.h"
#include "common/status/status_macros.h"
#include "common/uri/uri.h"

namespace aziot::certd {
namespace {

// RFC 3986, 3.1: what stands before the colon.
bool HasScheme(absl::string_view text) {
  const absl::string_view scheme = text.substr(0, text.find(':'));
  return scheme.size() < text.size() && !scheme.empty() && absl::ascii_isalpha(scheme[0]) &&
         std::all_of(scheme.begin(), scheme.end(),
                     [](char c) { return absl::ascii_isalnum(c) || c == '+' || c == '-' || c == '.'; });
}

absl::StatusOr<Location> ToLocation(absl::string_view id, const config::v1::PreloadedCert& preloaded) {
  if (!preloaded.has_uri()) {
    Bundle bundle;
    for (const std::string& element : preloaded.ids()) {
      ASSIGN_OR_RETURN(CertId element_id, CertId::Parse(element));
      bundle.push_back(std::move(element_id));
    }
    return bundle;
  }
  if (const auto file = uri::ParseFile(preloaded.uri()); file.ok()) return FileLocation{file->path};
  if (!HasScheme(preloaded.uri())) {
    return absl::InvalidArgumentError(absl::StrCat("preloaded_certs.\"", id, "\": \"", preloaded.uri(),
                                                   "\" is no URI; expected file:///path"));
  }
  return UnusableLocation{preloaded.uri()};
}

absl::StatusOr<Locations> ToLocations(const config::v1::Certd& config) {
  std::map<CertId, Location> locations;
  for (const auto& [id, preloaded] : config.preloaded_certs()) {
    ASSIGN_OR_RETURN(const CertId cert_id, CertId::Parse(id));
    ASSIGN_OR_RETURN(Location location, ToLocation(id, preloaded));
    locations.emplace(cert_id, std::move(location));
  }
  return Locations::New(std::move(locations));
}

absl::StatusOr<IssuanceEntry> ToEntry(const config::v1::CertIssuanceEntry& entry) {
  RETURN_IF_ERROR(CheckMethod(entry.method()));
  if (entry.has_expiry_days() && entry.expiry_days() == 0) {
    return absl::InvalidArgumentError("expiry_days must be greater than 0");
  }
  IssuanceEntry values{.method = entry.method()};
  if (entry.has_expiry_days()) values.expiry_days = entry.expiry_days();
  if (entry.has_common_name()) {
    values.subject = {{"CN", entry.common_name()}};
  } else if (entry.subject_size() > 0) {
    const std::map<std::string, std::string> sorted(entry.subject().begin(), entry.subject().end());
    values.subject.emplace(sorted.begin(), sorted.end());
  }
  return values;
}

absl::StatusOr<Rules> ToRules(const config::v1::Certd& config) {
  Rules rules;
  ASSIGN_OR_RETURN(rules.locations, ToLocations(config));
  std::vector<access::Principal> principals;
  for (const config::v1::CertPrincipal& principal : config.principal()) {
    principals.push_back({principal.uid(), {principal.certs().begin(), principal.certs().end()}});
  }
  rules.access = access::AccessRules(std::move(principals));
  for (const auto& [id, entry] : config.cert_issuance().entries()) {
    ASSIGN_OR_RETURN(const CertId cert_id, CertId::Parse(id));
    absl::StatusOr<IssuanceEntry> values = ToEntry(entry);
    if (!values.ok()) return Annotate(values.status(), absl::StrCat("cert_issuance.", id));
    rules.issuance.emplace(cert_id, *std::move(values));
  }
  if (config.cert_issuance().has_local_ca()) {
    const config::v1::LocalCa& ca = config.cert_issuance().local_ca();
    ASSIGN_OR_RETURN(CertId certificate, CertId::Parse(ca.cert()));
    ASSIGN_OR_RETURN(KeyId key, KeyId::Parse(ca.pk()));
    rules.local_ca = LocalCaIds{std::move(certificate), std::move(key)};
  }
  if (config.has_max_expiry_days()) rules.max_expiry_days = config.max_expiry_days();
  if (rules.max_expiry_days == 0) return absl::InvalidArgumentError("max_expiry_days: must be at least 1");
  return rules;
}

absl::StatusOr<CertdConfig> ToValues(const config::v1::Certd& config, std::vector<std::string> warnings) {
  CertdConfig values;
  values.homedir = config.homedir_path();
  if (config.has_max_requests()) values.max_requests = config.max_requests();
  if (values.max_requests == 0) return absl::InvalidArgumentError("max_requests: must be at least 1");
  if (config.has_grpc()) values.grpc = config.grpc();
  values.limits = config.limits();
  values.warnings = std::move(warnings);
  ASSIGN_OR_RETURN(values.rules, ToRules(config));
  if (config.cert_issuance().has_est()) {
    values.warnings.push_back(
        "cert_issuance.est: EST is not supported yet; certificates that ask for it are refused");
  }
  return values;
}

}  // namespace

bool SameUntilRestart(const CertdConfig& a, const CertdConfig& b) {
  return a.homedir == b.homedir && a.max_requests == b.max_requests && a.grpc == b.grpc &&
         a.limits.SerializeAsString() == b.limits.SerializeAsString();
}

absl::StatusOr<CertdConfig> LoadCertdConfig(const config::Sources& sources) {
  config::v1::Certd message;
  ASSIGN_OR_RETURN(std::vector<std::string> warnings, config::Load(sources, message));
  return ToValues(message, std::move(warnings));
}

absl::StatusOr<CertdConfig> ParseCertdConfig(absl::string_view toml) {
  config::v1::Certd message;
  ASSIGN_OR_RETURN(std::vector<std::string> warnings, config::LoadText("config.toml", toml, message));
  return ToValues(message, std::move(warnings));
}

}  // namespace aziot::certd
