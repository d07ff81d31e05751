#include "aziotctl/super_config/split.h"

#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "aziotctl/super_config/connection_string.h"
#include "aziotctl/super_config/toml_text.h"
#include "common/bytes/base64.h"
#include "common/status/errno_status.h"
#include "common/status/status_macros.h"
#include "common/uri/uri.h"

namespace aziot::ctl {
namespace {

namespace v1 = config::v1;

constexpr char kDeviceId[] = "device-id";
constexpr char kLocalCa[] = "local-ca";
constexpr uint32_t kDefaultMaxRequests = 10;
constexpr uint32_t kDefaultCloudTimeout = 70;
constexpr uint32_t kDefaultCloudRetries = 1;
constexpr uint32_t kDefaultAuthKeyIndex = 0x000100;

absl::Status Bad(absl::string_view key, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(key, ": ", what));
}
absl::Status NotYet(absl::string_view what) {
  return absl::UnimplementedError(absl::StrCat(what, " is not supported yet"));
}

// What the device authenticates with, whatever the source.
struct DeviceKey {
  std::optional<Secret> value;
  std::string uri;
};

// The parts of the answer that come together from several tables.
struct Parts {
  const v1::Super& super;
  const Surroundings& around;
  std::map<std::string, std::string> preloaded_keys;
  std::map<std::string, v1::PreloadedCert> preloaded_certs;
  std::vector<std::string> certd_keys;
  bool device_key_used = false;
  std::optional<Secret> device_key;
};

absl::StatusOr<std::string> CanonicalUri(absl::string_view key, absl::string_view text) {
  absl::StatusOr<uri::Uri> parsed = uri::Parse(text);
  if (!parsed.ok()) return Bad(key, parsed.status().message());
  return uri::Format(*parsed);
}

absl::StatusOr<DeviceKey> ReadKey(absl::string_view key, const v1::SymmetricKey& symmetric, bool present,
                                  const Surroundings& around) {
  if (!present || symmetric.has_value() == symmetric.has_uri()) {
    return Bad(key, "expected { value = \"<base64>\" } or { uri = \"file:///…\" }");
  }
  if (symmetric.has_uri()) {
    ASSIGN_OR_RETURN(std::string location, CanonicalUri(absl::StrCat(key, ".uri"), symmetric.uri()));
    return DeviceKey{std::nullopt, std::move(location)};
  }
  absl::StatusOr<Bytes> decoded = ParseBase64Unpadded(symmetric.value());
  if (!decoded.ok() || decoded->empty())
    return Bad(absl::StrCat(key, ".value"), "expected base64 of at least one byte");
  return DeviceKey{Secret::Take(*std::move(decoded)), uri::Format(uri::FileUri{DeviceKeyFile(around.root)})};
}

void UseDeviceKey(Parts& parts, DeviceKey key) {
  parts.preloaded_keys[kDeviceId] = key.uri;
  parts.device_key = std::move(key.value);
  parts.device_key_used = true;
}

absl::string_view ParentOf(const v1::Super& super) {
  return super.has_parent_hostname() ? super.parent_hostname() : super.local_gateway_hostname();
}

void WriteManual(TomlText& out, absl::string_view hub, absl::string_view device) {
  out.String("source", "manual");
  out.String("iothub_hostname", hub);
  out.String("device_id", device);
  out.Table({"provisioning", "authentication"});
  out.String("method", "sas");
  out.String("device_id_pk", kDeviceId);
}

absl::Status AddManual(TomlText& out, Parts& parts) {
  const v1::SuperProvisioning& from = parts.super.provisioning();
  if (from.has_connection_string()) {
    absl::StatusOr<ConnectionString> parsed = ParseConnectionString(from.connection_string());
    if (!parsed.ok()) return Annotate(parsed.status(), "provisioning.connection_string");
    WriteManual(out, parsed->hub, parsed->device);
    UseDeviceKey(parts,
                 {std::move(parsed->key), uri::Format(uri::FileUri{DeviceKeyFile(parts.around.root)})});
    return absl::OkStatus();
  }
  if (!from.has_iothub_hostname())
    return Bad("provisioning.iothub_hostname", "missing (or give a connection_string)");
  if (!from.has_device_id()) return Bad("provisioning.device_id", "missing");
  if (!from.has_authentication()) return Bad("provisioning.authentication", "missing");
  const v1::SuperAuthentication& authentication = from.authentication();
  if (authentication.method() == "x509") return NotYet("provisioning.authentication.method = \"x509\"");
  if (authentication.method() != "sas")
    return Bad("provisioning.authentication.method", "expected sas or x509");
  ASSIGN_OR_RETURN(DeviceKey key,
                   ReadKey("provisioning.authentication.device_id_pk", authentication.device_id_pk(),
                           authentication.has_device_id_pk(), parts.around));
  WriteManual(out, from.iothub_hostname(), from.device_id());
  UseDeviceKey(parts, std::move(key));
  return absl::OkStatus();
}

// Scheme and host in lower case, a default port dropped, an empty path made "/".
absl::StatusOr<std::string> NormalUrl(absl::string_view text) {
  const size_t colon = text.find("://");
  if (colon == absl::string_view::npos) return Bad("provisioning.global_endpoint", "expected https://host/");
  const std::string scheme = absl::AsciiStrToLower(text.substr(0, colon));
  if (scheme != "https" && scheme != "http")
    return Bad("provisioning.global_endpoint", "expected https or http");
  absl::string_view rest = text.substr(colon + 3);
  const size_t slash = rest.find_first_of("/?#");
  std::string host = absl::AsciiStrToLower(rest.substr(0, slash));
  if (host.empty()) return Bad("provisioning.global_endpoint", "names no host");
  const absl::string_view default_port = scheme == "https" ? ":443" : ":80";
  if (absl::EndsWith(host, default_port)) host.resize(host.size() - default_port.size());
  const absl::string_view path = slash == absl::string_view::npos ? "/" : rest.substr(slash);
  return absl::StrCat(scheme, "://", host, path);
}

absl::Status AddDps(TomlText& out, Parts& parts) {
  const v1::SuperProvisioning& from = parts.super.provisioning();
  if (!ParentOf(parts.super).empty()) {
    return absl::InvalidArgumentError("DPS provisioning is not supported in nested mode");
  }
  if (!from.has_global_endpoint()) return Bad("provisioning.global_endpoint", "missing");
  if (!from.has_id_scope()) return Bad("provisioning.id_scope", "missing");
  if (!from.has_attestation()) return Bad("provisioning.attestation", "missing");
  const v1::SuperAttestation& attestation = from.attestation();
  if (attestation.method() == "x509" || attestation.method() == "tpm") {
    return NotYet(absl::StrCat("provisioning.attestation.method = \"", attestation.method(), "\""));
  }
  if (attestation.method() != "symmetric_key") {
    return Bad("provisioning.attestation.method", "expected symmetric_key, x509 or tpm");
  }
  if (!attestation.has_registration_id()) return Bad("provisioning.attestation.registration_id", "missing");
  ASSIGN_OR_RETURN(DeviceKey key,
                   ReadKey("provisioning.attestation.symmetric_key", attestation.symmetric_key(),
                           attestation.has_symmetric_key(), parts.around));
  ASSIGN_OR_RETURN(const std::string endpoint, NormalUrl(from.global_endpoint()));
  out.String("source", "dps");
  out.String("global_endpoint", endpoint);
  out.String("scope_id", from.id_scope());
  out.Table({"provisioning", "attestation"});
  out.String("method", "symmetric_key");
  out.String("registration_id", attestation.registration_id());
  out.String("symmetric_key", kDeviceId);
  if (from.has_payload()) {
    out.Table({"provisioning", "payload"});
    out.String("uri", from.payload().uri());
  }
  UseDeviceKey(parts, std::move(key));
  return absl::OkStatus();
}

absl::StatusOr<std::string> Identityd(Parts& parts) {
  const v1::Super& super = parts.super;
  if (super.has_cloud_timeout_sec() && super.cloud_timeout_sec() < kDefaultCloudTimeout) {
    return Bad("cloud_timeout_sec", "must be at least 70 seconds");
  }
  TomlText out;
  out.String("hostname", super.has_hostname() ? super.hostname() : parts.around.hostname);
  out.String("homedir", absl::StrCat(parts.around.root, "/var/lib/aziot/identityd"));
  out.Bool("prefer_module_identity_cache", super.prefer_module_identity_cache());
  if (super.has_aziot_max_requests() && super.aziot_max_requests().identityd() != kDefaultMaxRequests) {
    out.Integer("max_requests", super.aziot_max_requests().identityd());
  }
  if (super.has_cloud_timeout_sec() && super.cloud_timeout_sec() != kDefaultCloudTimeout) {
    out.Integer("cloud_timeout_sec", super.cloud_timeout_sec());
  }
  if (super.has_cloud_retries() && super.cloud_retries() != kDefaultCloudRetries) {
    out.Integer("cloud_retries", super.cloud_retries());
  }
  out.Table({"provisioning"});
  if (!ParentOf(super).empty()) out.String("local_gateway_hostname", ParentOf(super));
  const std::string& source = super.provisioning().source();
  if (source == "manual") {
    RETURN_IF_ERROR(AddManual(out, parts));
  } else if (source == "dps") {
    RETURN_IF_ERROR(AddDps(out, parts));
  } else if (source == "none") {
    out.String("source", "none");
  } else {
    return Bad("provisioning.source", absl::StrCat("\"", source, "\": expected manual, dps or none"));
  }
  if (super.has_localid()) {
    out.Table({"localid"});
    out.String("domain", super.localid().domain());
  }
  return out.text();
}

absl::StatusOr<std::string> Keyd(const Parts& parts) {
  TomlText out;
  if (parts.super.has_aziot_max_requests() &&
      parts.super.aziot_max_requests().keyd() != kDefaultMaxRequests) {
    out.Integer("max_requests", parts.super.aziot_max_requests().keyd());
  }
  std::map<std::string, std::string> parameters(parts.super.aziot_keys().begin(),
                                                parts.super.aziot_keys().end());
  parameters["homedir_path"] = absl::StrCat(parts.around.root, "/var/lib/aziot/keyd");
  out.Table({"aziot_keys"});
  for (const auto& [name, value] : parameters) out.String(name, value);
  out.Table({"preloaded_keys"});
  for (const auto& [id, location] : parts.preloaded_keys) out.String(id, location);

  std::vector<std::string> identityd_keys = {"aziot_identityd_master_id"};
  if (parts.device_key_used) identityd_keys.push_back(kDeviceId);
  out.ArrayTable("principal");
  out.Integer("uid", parts.around.identityd_uid);
  out.Strings("keys", identityd_keys);
  if (!parts.certd_keys.empty()) {
    out.ArrayTable("principal");
    out.Integer("uid", parts.around.certd_uid);
    out.Strings("keys", parts.certd_keys);
  }
  return out.text();
}

absl::Status AddLocalCa(TomlText& out, Parts& parts) {
  const v1::SuperLocalCa& ca = parts.super.cert_issuance().local_ca();
  out.Table({"cert_issuance", "local_ca"});
  out.String("cert", kLocalCa);
  out.String("pk", kLocalCa);
  parts.certd_keys.push_back(kLocalCa);
  if (!ca.cert().uri().empty()) {
    ASSIGN_OR_RETURN(const uri::FileUri file, uri::ParseFile(ca.cert().uri()));
    if (!ca.has_pk()) return Bad("cert_issuance.local_ca.pk", "missing");
    ASSIGN_OR_RETURN(parts.preloaded_keys[kLocalCa], CanonicalUri("cert_issuance.local_ca.pk", ca.pk()));
    parts.preloaded_certs[kLocalCa].set_uri(uri::Format(file));
    return absl::OkStatus();
  }
  if (ca.cert().method() == "est") return NotYet("cert_issuance.local_ca.cert.method = \"est\"");
  if (ca.cert().method() != "self_signed")
    return Bad("cert_issuance.local_ca.cert.method", "expected self_signed or est");
  if (ca.cert().has_expiry_days() && ca.cert().expiry_days() == 0) {
    return Bad("cert_issuance.local_ca.cert.expiry_days", "expiry_days must be greater than 0");
  }
  out.Table({"cert_issuance", kLocalCa});
  out.String("method", ca.cert().method());
  if (ca.cert().has_expiry_days()) out.Integer("expiry_days", ca.cert().expiry_days());
  if (ca.cert().has_common_name()) {
    out.String("common_name", ca.cert().common_name());
  } else if (ca.cert().subject_size() > 0) {
    out.Table({"cert_issuance", kLocalCa, "subject"});
    const std::map<std::string, std::string> sorted(ca.cert().subject().begin(), ca.cert().subject().end());
    for (const auto& [name, value] : sorted) out.String(name, value);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Certd(Parts& parts) {
  TomlText out;
  out.String("homedir_path", absl::StrCat(parts.around.root, "/var/lib/aziot/certd"));
  if (parts.super.has_aziot_max_requests() &&
      parts.super.aziot_max_requests().certd() != kDefaultMaxRequests) {
    out.Integer("max_requests", parts.super.aziot_max_requests().certd());
  }
  if (parts.super.cert_issuance().has_local_ca()) {
    RETURN_IF_ERROR(AddLocalCa(out, parts));
  } else {
    out.Table({"cert_issuance"});
  }
  out.Table({"preloaded_certs"});
  for (const auto& [id, preloaded] : parts.preloaded_certs) {
    if (preloaded.uri().empty()) {
      out.Strings(id, {preloaded.ids().begin(), preloaded.ids().end()});
    } else {
      out.String(id, preloaded.uri());
    }
  }
  return out.text();
}

std::string Tpmd(const v1::Super& super) {
  TomlText out;
  if (super.has_aziot_max_requests() && super.aziot_max_requests().tpmd() != kDefaultMaxRequests) {
    out.Integer("max_requests", super.aziot_max_requests().tpmd());
  }
  const v1::Tpm& tpm = super.tpm();
  if (tpm.has_tcti() && tpm.tcti() != "device") out.String("tcti", tpm.tcti());
  if (tpm.has_auth_key_index() && tpm.auth_key_index() != kDefaultAuthKeyIndex) {
    out.Integer("auth_key_index", tpm.auth_key_index());
  }
  if (!tpm.hierarchy_authorization().endorsement().empty() ||
      !tpm.hierarchy_authorization().owner().empty()) {
    out.Table({"hierarchy_authorization"});
    out.String("endorsement", tpm.hierarchy_authorization().endorsement());
    out.String("owner", tpm.hierarchy_authorization().owner());
  }
  return out.text();
}

}  // namespace

std::string DeviceKeyFile(absl::string_view root) {
  return absl::StrCat(root, "/var/secrets/aziot/keyd/device-id");
}

absl::StatusOr<DaemonConfigs> Split(const v1::Super& super, const Surroundings& surroundings) {
  if (super.has_parent_hostname() && super.has_local_gateway_hostname()) {
    return Bad("parent_hostname", "local_gateway_hostname is the same option; give one of them");
  }
  Parts parts{.super = super,
              .around = surroundings,
              .preloaded_keys = {super.preloaded_keys().begin(), super.preloaded_keys().end()},
              .preloaded_certs = {super.preloaded_certs().begin(), super.preloaded_certs().end()}};
  DaemonConfigs configs;
  ASSIGN_OR_RETURN(configs.identityd, Identityd(parts));
  ASSIGN_OR_RETURN(configs.certd, Certd(parts));
  ASSIGN_OR_RETURN(configs.keyd, Keyd(parts));
  configs.tpmd = Tpmd(super);
  configs.device_key = std::move(parts.device_key);
  return configs;
}

}  // namespace aziot::ctl
