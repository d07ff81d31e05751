#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "aziotctl/checks/checks.h"
#include "aziotctl/checks/context.h"
#include "aziotctl/checks/service_users.h"
#include "common/config/config.h"
#include "common/files/files.h"
#include "common/uri/uri.h"

namespace aziot::ctl {
namespace {

namespace v1 = config::v1;

constexpr uint32_t kLeastCloudTimeout = 70;
constexpr uint32_t kSrkIndex = 0x000001;
constexpr uint32_t kEkIndex = 0x010001;

void CheckConfig(const v1::Keyd& keyd, Findings& findings) {
  if (keyd.has_max_requests() && keyd.max_requests() == 0) findings.Error("max_requests: must be at least 1");
  for (const auto& [id, location] : std::map(keyd.preloaded_keys().begin(), keyd.preloaded_keys().end())) {
    const auto parsed = uri::Parse(location);
    if (!parsed.ok())
      findings.Error(absl::StrCat("preloaded_keys.\"", id, "\": ", parsed.status().message()));
  }
  for (const v1::KeyPrincipal& principal : keyd.principal())
    CheckCaller("keyd", "a principal", principal.uid(), findings);
}

void CheckConfig(const v1::Certd& certd, Findings& findings) {
  if (certd.has_max_requests() && certd.max_requests() == 0)
    findings.Error("max_requests: must be at least 1");
  for (const auto& [id, entry] :
       std::map(certd.cert_issuance().entries().begin(), certd.cert_issuance().entries().end())) {
    if (entry.method() != "est" && entry.method() != "local_ca" && entry.method() != "self_signed") {
      findings.Error(absl::StrCat("cert_issuance.", id, ".method: expected est, local_ca or self_signed"));
    }
    if (entry.has_expiry_days() && entry.expiry_days() == 0)
      findings.Error(absl::StrCat("cert_issuance.", id, ": expiry_days must be greater than 0"));
  }
  for (const v1::CertPrincipal& principal : certd.principal())
    CheckCaller("certd", "a principal", principal.uid(), findings);
}

void CheckConfig(const v1::Tpmd& tpmd, Findings& findings) {
  if (tpmd.has_max_requests() && tpmd.max_requests() == 0) findings.Error("max_requests: must be at least 1");
  if (tpmd.auth_key_index() == kSrkIndex || tpmd.auth_key_index() == kEkIndex)
    findings.Error("auth_key_index: the TPM's storage root or endorsement key lies there");
}

void CheckProvisioning(const v1::Provisioning& from, Findings& findings) {
  const auto needs = [&](bool present, absl::string_view key) {
    if (!present) findings.Error(absl::StrCat("provisioning.", key, ": missing"));
  };
  if (from.source() == "manual") {
    const v1::Authentication& authentication = from.authentication();
    needs(from.has_iothub_hostname(), "iothub_hostname");
    needs(from.has_device_id(), "device_id");
    if (authentication.method() == "sas") {
      needs(authentication.has_device_id_pk(), "authentication.device_id_pk");
    } else if (authentication.method() == "x509") {
      needs(authentication.has_identity_cert(), "authentication.identity_cert");
      needs(authentication.has_identity_pk(), "authentication.identity_pk");
    } else {
      findings.Error("provisioning.authentication.method: expected sas or x509");
    }
  } else if (from.source() == "dps") {
    const v1::Attestation& attestation = from.attestation();
    if (from.has_local_gateway_hostname()) findings.Error("DPS provisioning is not supported in nested mode");
    needs(from.has_global_endpoint(), "global_endpoint");
    needs(from.has_scope_id(), "scope_id");
    if (attestation.method() == "x509") {
      needs(attestation.has_identity_cert(), "attestation.identity_cert");
      needs(attestation.has_identity_pk(), "attestation.identity_pk");
    } else if (attestation.method() == "symmetric_key" || attestation.method() == "tpm") {
      needs(attestation.has_registration_id(), "attestation.registration_id");
      needs(attestation.method() == "tpm" || attestation.has_symmetric_key(), "attestation.symmetric_key");
    } else {
      findings.Error("provisioning.attestation.method: expected symmetric_key, x509 or tpm");
    }
  } else if (from.source() != "none") {
    findings.Error(
        absl::StrCat("provisioning.source: \"", from.source(), "\": expected manual, dps or none"));
  }
}

void CheckPrincipal(const v1::Identityd& identityd, const v1::Principal& principal, Findings& findings) {
  if (!principal.has_idtype()) return;
  const std::string invalid = absl::StrCat("invalid config for ", principal.name(), ": ");
  bool local = false;
  bool of_hub = false;
  for (const std::string& type : principal.idtype().types()) {
    local |= type == "local";
    of_hub |= type == "device" || type == "module";
    if (type != "local" && type != "device" && type != "module")
      findings.Error(absl::StrCat(invalid, "idtype \"", type, "\": expected device, module or local"));
  }
  if (local && !identityd.has_localid())
    findings.Error(absl::StrCat(invalid, "local id type requires localid config"));
  if (!local && principal.has_localid())
    findings.Error(absl::StrCat(invalid, "local identity options specified for non-local identity"));
  if (of_hub && identityd.provisioning().source() == "none")
    findings.Error(absl::StrCat(invalid, "module or device identity requires provisioning with IoT Hub"));
}

void CheckConfig(const v1::Identityd& identityd, Findings& findings) {
  if (identityd.has_cloud_timeout_sec() && identityd.cloud_timeout_sec() < kLeastCloudTimeout)
    findings.Error("cloud_timeout_sec must be at least 70 seconds");
  CheckProvisioning(identityd.provisioning(), findings);
  std::set<std::string> names;
  std::map<uint32_t, std::string> uids;
  const v1::Principal* untyped = nullptr;
  for (const v1::Principal& principal : identityd.principal()) {
    if (!names.insert(principal.name()).second)
      findings.Error(absl::StrCat("duplicate module name: ", principal.name()));
    CheckPrincipal(identityd, principal, findings);
    if (!principal.has_idtype() && untyped != nullptr) {
      findings.Warn(
          absl::StrCat("principal \"", principal.name(), "\" (uid ", principal.uid(),
                       ") has no effect: only the first principal without idtype counts, that is \"",
                       untyped->name(), "\""));
      continue;
    }
    if (!principal.has_idtype()) untyped = &principal;
    const auto [earlier, fresh] = uids.emplace(principal.uid(), principal.name());
    if (!fresh) {
      findings.Warn(absl::StrCat("principals \"", earlier->second, "\" and \"", principal.name(),
                                 "\" have the same uid ", principal.uid(),
                                 ": only the later one can be used"));
      earlier->second = principal.name();
    }
    if (principal.uid() == 0 && principal.has_idtype()) {
      findings.Warn(absl::StrCat("principal \"", principal.name(),
                                 "\" is for root, which has no other rights while it stands: "
                                 "`aziotctl system reprovision` among them"));
    }
    CheckCaller("identityd", absl::StrCat("principal \"", principal.name(), "\""), principal.uid(), findings);
  }
}

template <class Message>
Result LoadDaemon(const CheckContext& context, absl::string_view daemon, std::optional<Message>& into) {
  Message message;
  const auto warnings =
      config::Load({.file = context.Rooted(absl::StrCat("/etc/aziot/", daemon, "/config.toml")),
                    .directory = context.Rooted(absl::StrCat("/etc/aziot/", daemon, "/config.d"))},
                   message);
  if (!warnings.ok()) {
    Result result =
        Result::Error(absl::StrCat(daemon, " configuration is not well-formed"), warnings.status().message());
    if (absl::IsPermissionDenied(warnings.status())) result.kind = Result::Kind::kFatal;
    return result;
  }
  Findings findings;
  for (const std::string& warning : *warnings) findings.Warn(warning);
  CheckConfig(message, findings);
  Result total = findings.Total();
  if (total.kind < Result::Kind::kError) into = std::move(message);
  return total;
}

}  // namespace

Result KeydConfigWellFormed(CheckContext& context, nlohmann::json&) {
  return LoadDaemon(context, "keyd", context.keyd);
}
Result CertdConfigWellFormed(CheckContext& context, nlohmann::json&) {
  return LoadDaemon(context, "certd", context.certd);
}
Result TpmdConfigWellFormed(CheckContext& context, nlohmann::json&) {
  return LoadDaemon(context, "tpmd", context.tpmd);
}
Result IdentitydConfigWellFormed(CheckContext& context, nlohmann::json&) {
  Result result = LoadDaemon(context, "identityd", context.identityd);
  v1::Identityd previous;
  const auto text = files::Read(absl::StrCat(context.IdentityHome(), "/prev_state"));
  if (text.ok() && config::LoadText("prev_state", *text, previous).ok())
    context.previous = std::move(previous);
  return result;
}

}  // namespace aziot::ctl
