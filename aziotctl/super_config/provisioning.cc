#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "aziotctl/super_config/connection_string.h"
#include "aziotctl/super_config/locations.h"
#include "aziotctl/super_config/parts.h"
#include "common/bytes/base64.h"
#include "common/status/errno_status.h"
#include "common/status/status_macros.h"
#include "common/uri/uri.h"

namespace aziot::ctl {
namespace {

namespace v1 = config::v1;

void UseInlineKey(Parts& parts, Secret key) {
  (*parts.keyd.mutable_preloaded_keys())[kDeviceId] =
      uri::Format(uri::FileUri{DeviceKeyFile(parts.around.root)});
  parts.device_key = std::move(key);
  parts.identityd_keys.push_back(kDeviceId);
}

absl::Status UseSymmetricKey(Parts& parts, absl::string_view option, const v1::SymmetricKey& key) {
  if (key.has_value() == key.has_uri()) {
    return BadOption(option, "expected { value = \"<base64>\" } or { uri = \"file:///…\" }");
  }
  if (key.has_uri()) {
    ASSIGN_OR_RETURN((*parts.keyd.mutable_preloaded_keys())[kDeviceId],
                     KeyLocation(absl::StrCat(option, ".uri"), key.uri()));
    parts.identityd_keys.push_back(kDeviceId);
    return absl::OkStatus();
  }
  absl::StatusOr<Bytes> decoded = ParseBase64Unpadded(key.value());
  if (!decoded.ok() || decoded->empty())
    return BadOption(absl::StrCat(option, ".value"), "expected base64 of at least one byte");
  UseInlineKey(parts, Secret::Take(*std::move(decoded)));
  return absl::OkStatus();
}

// The attributes of a request's subject: CN is `cn`, the others have their names in upper case.
v1::SubjectName RequestSubject(const v1::SuperCert& cert, const std::string& cn) {
  v1::SubjectName name;
  const std::map<std::string, std::string> sorted(cert.subject().begin(), cert.subject().end());
  for (const auto& [attribute, value] : sorted) {
    (*name.mutable_attributes())[absl::AsciiStrToUpper(attribute)] = value;
  }
  (*name.mutable_attributes())["CN"] = cn;
  return name;
}

bool NamesSubject(const v1::SuperCert& cert) { return !cert.has_common_name() && cert.subject_size() > 0; }

// The device's certificate and its key, given by location.
absl::Status UsePreloadedIdentity(Parts& parts, const std::string& option, const v1::SuperCert& cert,
                                  const std::string& key) {
  ASSIGN_OR_RETURN(const std::string location,
                   FileLocation(absl::StrCat(option, ".identity_cert"), cert.uri()));
  (*parts.certd.mutable_preloaded_certs())[kDeviceId].set_uri(location);
  ASSIGN_OR_RETURN((*parts.keyd.mutable_preloaded_keys())[kDeviceId],
                   KeyLocation(absl::StrCat(option, ".identity_pk"), key));
  parts.identityd_keys.push_back(kDeviceId);
  return absl::OkStatus();
}

// The device's certificate, issued here; with `auto_renew` its successor has an entry of its own.
absl::Status UseIssuedIdentity(Parts& parts, const std::string& option, const v1::SuperCert& cert,
                               bool auto_renew) {
  RETURN_IF_ERROR(SplitIssuance(parts, absl::StrCat(option, ".identity_cert"), cert, kDeviceId));
  parts.identityd_keys.push_back(kDeviceId);
  if (auto_renew) {
    const std::string successor = absl::StrCat(kDeviceId, "-temp");
    auto& entries = *parts.certd.mutable_cert_issuance()->mutable_entries();
    const v1::CertIssuanceEntry entry = entries[kDeviceId];
    entries[successor] = entry;
    parts.identityd_certs.push_back(successor);
    if (cert.auto_renew().rotate_key()) parts.identityd_keys.push_back(successor);
  }
  parts.identityd_certs.push_back(kDeviceId);
  return absl::OkStatus();
}

// `Message` is SuperAuthentication or SuperAttestation. Whether the certificate is issued here.
template <class Message>
absl::StatusOr<bool> IsIssued(const std::string& option, const Message& from) {
  if (!from.has_identity_cert()) return BadOption(absl::StrCat(option, ".identity_cert"), "missing");
  const bool issued = from.identity_cert().uri().empty();
  if (issued && from.has_identity_pk()) {
    return BadOption(absl::StrCat(option, ".identity_pk"),
                     "the key of a certificate that is issued here is made here; leave it out");
  }
  if (!issued && !from.has_identity_pk()) return BadOption(absl::StrCat(option, ".identity_pk"), "missing");
  return issued;
}

absl::Status SplitManual(Parts& parts) {
  const v1::SuperProvisioning& from = parts.super.provisioning();
  v1::Provisioning& to = *parts.identityd.mutable_provisioning();
  v1::Authentication& authentication = *to.mutable_authentication();
  if (from.has_connection_string()) {
    absl::StatusOr<ConnectionString> parsed = ParseConnectionString(from.connection_string());
    if (!parsed.ok()) return Annotate(parsed.status(), "provisioning.connection_string");
    to.set_iothub_hostname(parsed->hub);
    to.set_device_id(parsed->device);
    authentication.set_method("sas");
    authentication.set_device_id_pk(kDeviceId);
    UseInlineKey(parts, std::move(parsed->key));
    return absl::OkStatus();
  }
  const std::string option = "provisioning.authentication";
  if (!from.has_iothub_hostname())
    return BadOption("provisioning.iothub_hostname", "missing (or give a connection_string)");
  if (!from.has_device_id()) return BadOption("provisioning.device_id", "missing");
  if (!from.has_authentication()) return BadOption(option, "missing");
  to.set_iothub_hostname(from.iothub_hostname());
  to.set_device_id(from.device_id());
  authentication.set_method(from.authentication().method());
  if (authentication.method() == "sas") {
    authentication.set_device_id_pk(kDeviceId);
    return UseSymmetricKey(parts, absl::StrCat(option, ".device_id_pk"),
                           from.authentication().device_id_pk());
  }
  if (authentication.method() != "x509")
    return BadOption(absl::StrCat(option, ".method"), "expected sas or x509");
  authentication.set_identity_cert(kDeviceId);
  authentication.set_identity_pk(kDeviceId);
  const v1::SuperCert& cert = from.authentication().identity_cert();
  ASSIGN_OR_RETURN(const bool issued, IsIssued(option, from.authentication()));
  if (!issued) return UsePreloadedIdentity(parts, option, cert, from.authentication().identity_pk());
  if (cert.has_auto_renew()) {
    parts.warnings.push_back(absl::StrCat(
        option,
        ".identity_cert.auto_renew is ignored: with manual provisioning the certificate is not renewed"));
  }
  if (NamesSubject(cert)) *authentication.mutable_csr_subject() = RequestSubject(cert, from.device_id());
  return UseIssuedIdentity(parts, option, cert, false);
}

absl::Status SplitX509Attestation(Parts& parts, v1::Attestation& to) {
  const v1::SuperAttestation& from = parts.super.provisioning().attestation();
  const std::string option = "provisioning.attestation";
  to.set_identity_cert(kDeviceId);
  to.set_identity_pk(kDeviceId);
  const v1::SuperCert& cert = from.identity_cert();
  ASSIGN_OR_RETURN(const bool issued, IsIssued(option, from));
  if (from.has_registration_id()) {
    if (issued && NamesSubject(cert)) {
      *to.mutable_registration_id() = RequestSubject(cert, from.registration_id());
    } else {
      to.mutable_registration_id()->set_cn(from.registration_id());
    }
  }
  if (!issued) return UsePreloadedIdentity(parts, option, cert, from.identity_pk());
  if (cert.has_auto_renew()) {
    const std::string policy = absl::StrCat(option, ".identity_cert.auto_renew");
    RETURN_IF_ERROR(CheckRenewalPolicy(absl::StrCat(policy, ".threshold"), cert.auto_renew().threshold()));
    RETURN_IF_ERROR(CheckRenewalPolicy(absl::StrCat(policy, ".retry"), cert.auto_renew().retry()));
    *to.mutable_identity_auto_renew() = cert.auto_renew();
  }
  return UseIssuedIdentity(parts, option, cert, cert.has_auto_renew());
}

absl::Status SplitDps(Parts& parts) {
  if (!ParentOf(parts.super).empty())
    return absl::InvalidArgumentError("DPS provisioning is not supported in nested mode");
  const v1::SuperProvisioning& from = parts.super.provisioning();
  v1::Provisioning& to = *parts.identityd.mutable_provisioning();
  const std::string option = "provisioning.attestation";
  if (!from.has_global_endpoint()) return BadOption("provisioning.global_endpoint", "missing");
  if (!from.has_id_scope()) return BadOption("provisioning.id_scope", "missing");
  if (!from.has_attestation()) return BadOption(option, "missing");
  ASSIGN_OR_RETURN(const std::string endpoint,
                   NormalUrl("provisioning.global_endpoint", from.global_endpoint()));
  to.set_global_endpoint(endpoint);
  to.set_scope_id(from.id_scope());
  if (from.has_payload()) {
    ASSIGN_OR_RETURN(const std::string payload,
                     FileLocation("provisioning.payload.uri", from.payload().uri()));
    to.mutable_payload()->set_uri(payload);
  }
  v1::Attestation& attestation = *to.mutable_attestation();
  attestation.set_method(from.attestation().method());
  if (attestation.method() == "x509") return SplitX509Attestation(parts, attestation);
  if (attestation.method() != "symmetric_key" && attestation.method() != "tpm") {
    return BadOption(absl::StrCat(option, ".method"), "expected symmetric_key, x509 or tpm");
  }
  if (!from.attestation().has_registration_id())
    return BadOption(absl::StrCat(option, ".registration_id"), "missing");
  attestation.mutable_registration_id()->set_cn(from.attestation().registration_id());
  if (attestation.method() == "tpm") return absl::OkStatus();
  attestation.set_symmetric_key(kDeviceId);
  return UseSymmetricKey(parts, absl::StrCat(option, ".symmetric_key"), from.attestation().symmetric_key());
}

}  // namespace

std::string ParentOf(const v1::Super& super) {
  return super.has_parent_hostname() ? super.parent_hostname() : super.local_gateway_hostname();
}

absl::Status SplitProvisioning(Parts& parts) {
  v1::Provisioning& to = *parts.identityd.mutable_provisioning();
  if (const std::string parent = ParentOf(parts.super); !parent.empty())
    to.set_local_gateway_hostname(parent);
  to.set_source(parts.super.provisioning().source());
  parts.identityd_keys.push_back("aziot_identityd_master_id");
  if (to.source() == "manual") return SplitManual(parts);
  if (to.source() == "dps") return SplitDps(parts);
  if (to.source() == "none") return absl::OkStatus();
  return BadOption("provisioning.source",
                   absl::StrCat("\"", to.source(), "\": expected manual, dps or none"));
}

}  // namespace aziot::ctl
