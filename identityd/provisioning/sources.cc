#include "identityd/provisioning/sources.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"
#include "identityd/provisioning/dps/dps_source.h"
#include "identityd/provisioning/manual/manual_source.h"
#include "identityd/provisioning/payload.h"
#include "identityd/provisioning/unsupported/unsupported_source.h"

namespace aziot::identityd {
namespace {

using Made = absl::StatusOr<std::shared_ptr<ProvisioningSource>>;

class NoSource final : public ProvisioningSource {
 public:
  bool has_hub() const override { return false; }
  std::string fingerprint() const override { return "none"; }
  Credential credential() const override { return {}; }
  absl::StatusOr<Assignment> Provision() override {
    return absl::FailedPreconditionError("provisioning.source = \"none\": there is no device");
  }
};

Made MakeManual(const config::v1::Provisioning& config, const SourceParts&) {
  const std::string& method = config.authentication().method();
  if (method == "sas") return NewManualSource(config);
  if (method == "x509") {
    return std::make_shared<UnsupportedSource>("provisioning.authentication.method", method);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("provisioning.authentication.method = \"", method, "\": expected sas or x509"));
}

Made MakeDps(const config::v1::Provisioning& config, const SourceParts& parts) {
  const std::string& method = config.attestation().method();
  if (method == "symmetric_key") return NewDpsSource(config, parts.attestation, parts.send, parts.clock);
  if (method == "x509" || method == "tpm") {
    return std::make_shared<UnsupportedSource>("provisioning.attestation.method", method);
  }
  return absl::InvalidArgumentError(absl::StrCat("provisioning.attestation.method = \"", method,
                                                 "\": expected symmetric_key, x509 or tpm"));
}

Made MakeNone(const config::v1::Provisioning&, const SourceParts&) { return std::make_shared<NoSource>(); }

Made MakeExternal(const config::v1::Provisioning& config, const SourceParts&) {
  return std::make_shared<UnsupportedSource>("provisioning.source", config.source());
}

struct SourceEntry {
  absl::string_view name;
  Made (*make)(const config::v1::Provisioning&, const SourceParts&);
};
constexpr SourceEntry kSources[] = {
    {"manual", MakeManual},
    {"dps", MakeDps},
    {"none", MakeNone},
    {"external", MakeExternal},
};

// As URL libraries write it: scheme and host in lower case, without the scheme's own port, and `/` for an
// empty path.
std::string NormalEndpoint(absl::string_view endpoint) {
  const size_t end = endpoint.find("://");
  if (end == absl::string_view::npos) return std::string(endpoint);
  const std::string scheme = absl::AsciiStrToLower(endpoint.substr(0, end));
  absl::string_view rest = endpoint.substr(end + 3);
  std::string authority = absl::AsciiStrToLower(rest.substr(0, rest.find_first_of("/?#")));
  rest.remove_prefix(authority.size());
  const absl::string_view usual = scheme == "https" ? ":443" : ":80";
  if (absl::EndsWith(authority, usual)) authority.resize(authority.size() - usual.size());
  return absl::StrCat(scheme, "://", authority, absl::StartsWith(rest, "/") ? "" : "/", rest);
}

}  // namespace

Made NewSource(const config::v1::Provisioning& config, const SourceParts& parts) {
  for (const SourceEntry& entry : kSources) {
    if (entry.name == config.source()) return entry.make(config, parts);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("provisioning.source = \"", config.source(), "\": expected manual, dps or none"));
}

absl::StatusOr<ProvisioningDescription> Describe(const config::v1::Provisioning& config) {
  ProvisioningDescription description;
  description.source = config.source();
  if (config.source() == "manual") description.auth = config.authentication().method();
  if (config.source() != "dps") return description;

  description.auth = config.attestation().method();
  description.endpoint = NormalEndpoint(config.global_endpoint());
  description.scope_id = config.scope_id();
  const config::v1::SubjectName& name = config.attestation().registration_id();
  description.registration_id = name.cn();
  for (const auto& [key, value] : name.attributes()) {
    if (name.cn().empty() && absl::EqualsIgnoreCase(key, "cn")) description.registration_id = value;
  }
  description.payload = "null";
  if (config.has_payload()) {
    ASSIGN_OR_RETURN(description.payload, ReadPayload(config.payload().uri()));
  }
  return description;
}

}  // namespace aziot::identityd
