#include "aziotctl/super_config/daemon_text.h"

#include <map>
#include <vector>

#include "aziotctl/super_config/toml_text.h"
#include "common/ids/utf8.h"

namespace aziot::ctl {
namespace {

namespace v1 = config::v1;

constexpr uint32_t kDefaultMaxRequests = 10;
constexpr uint32_t kDefaultCloudTimeout = 70;
constexpr uint32_t kDefaultCloudRetries = 1;
constexpr uint32_t kDefaultAuthKeyIndex = 0x000100;
constexpr char kDefaultThreshold[] = "80%";
constexpr char kDefaultRetry[] = "4%";

using Path = std::vector<std::string>;

Path Below(Path path, std::string name) {
  path.push_back(std::move(name));
  return path;
}

void Unless(TomlText& out, absl::string_view key, bool present, uint32_t value, uint32_t standard) {
  if (present && value != standard) out.Integer(key, value);
}

// A protobuf map in the byte order of its keys.
template <class Map>
std::map<std::string, typename Map::mapped_type> Sorted(const Map& map) {
  return {map.begin(), map.end()};
}

template <class Map>
void Texts(TomlText& out, const Map& map) {
  for (const auto& [name, value] : Sorted(map)) out.String(name, value);
}

// A C string, which need not be text: read from an array of byte values, it is written as one.
void CString(TomlText& out, absl::string_view key, absl::string_view value) {
  if (IsUtf8(value)) {
    out.String(key, value);
  } else {
    out.Bytes(key, value);
  }
}

void Subject(TomlText& out, const Path& path, const v1::SubjectName& name) {
  out.Table(path);
  std::map<std::string, std::string> attributes = Sorted(name.attributes());
  if (const auto cn = attributes.extract("CN"); !cn.empty()) out.String("CN", cn.mapped());
  for (const auto& [attribute, value] : attributes) out.String(attribute, value);
}

void Renewal(TomlText& out, const Path& path, const v1::AutoRenew& renew) {
  out.Table(path);
  out.Bool("rotate_key", renew.rotate_key());
  out.String("threshold", renew.threshold());
  out.String("retry", renew.retry());
}

// The keys that EstDefaults and CertIssuanceEntry share.
template <class Message>
void EstCredentials(TomlText& out, const Message& from) {
  if (from.has_username()) out.String("username", from.username());
  if (from.has_password()) out.String("password", from.password());
  if (from.has_identity_cert()) out.String("identity_cert", from.identity_cert());
  if (from.has_identity_pk()) out.String("identity_pk", from.identity_pk());
  if (from.has_bootstrap_identity_cert())
    out.String("bootstrap_identity_cert", from.bootstrap_identity_cert());
  if (from.has_bootstrap_identity_pk()) out.String("bootstrap_identity_pk", from.bootstrap_identity_pk());
}

void Authentication(TomlText& out, const v1::Authentication& from) {
  const Path path = {"provisioning", "authentication"};
  out.Table(path);
  out.String("method", from.method());
  if (from.has_device_id_pk()) out.String("device_id_pk", from.device_id_pk());
  if (from.has_identity_cert()) out.String("identity_cert", from.identity_cert());
  if (from.has_identity_pk()) out.String("identity_pk", from.identity_pk());
  if (from.has_csr_subject()) Subject(out, Below(path, "csr_subject"), from.csr_subject());
}

void Attestation(TomlText& out, const v1::Attestation& from) {
  const Path path = {"provisioning", "attestation"};
  const bool by_name = from.registration_id().attributes_size() > 0;
  out.Table(path);
  out.String("method", from.method());
  if (from.has_identity_cert()) out.String("identity_cert", from.identity_cert());
  if (from.has_identity_pk()) out.String("identity_pk", from.identity_pk());
  if (from.has_registration_id() && !by_name) out.String("registration_id", from.registration_id().cn());
  if (from.has_symmetric_key()) out.String("symmetric_key", from.symmetric_key());
  if (by_name) Subject(out, Below(path, "registration_id"), from.registration_id());
  if (from.has_identity_auto_renew()) {
    Renewal(out, Below(path, "identity_auto_renew"), from.identity_auto_renew());
  }
}

void Est(TomlText& out, const v1::EstDefaults& est) {
  const Path path = {"cert_issuance", "est"};
  out.Table(path);
  if (est.trusted_certs_size() > 0)
    out.Strings("trusted_certs", {est.trusted_certs().begin(), est.trusted_certs().end()});
  EstCredentials(out, est);
  const v1::AutoRenew& renew = est.identity_auto_renew();
  const bool standard =
      renew.rotate_key() && renew.threshold() == kDefaultThreshold && renew.retry() == kDefaultRetry;
  if (est.has_identity_auto_renew() && !standard) Renewal(out, Below(path, "identity_auto_renew"), renew);
  if (est.urls_size() > 0) {
    out.Table(Below(path, "urls"));
    Texts(out, est.urls());
  }
}

void Issuance(TomlText& out, const v1::CertIssuance& issuance) {
  if (!issuance.has_est() && !issuance.has_local_ca() && issuance.entries().empty()) {
    out.Table({"cert_issuance"});
    return;
  }
  if (issuance.has_est()) Est(out, issuance.est());
  if (issuance.has_local_ca()) {
    out.Table({"cert_issuance", "local_ca"});
    out.String("cert", issuance.local_ca().cert());
    out.String("pk", issuance.local_ca().pk());
  }
  for (const auto& [id, entry] : Sorted(issuance.entries())) {
    const Path path = {"cert_issuance", id};
    out.Table(path);
    out.String("method", entry.method());
    if (entry.has_url()) out.String("url", entry.url());
    EstCredentials(out, entry);
    if (entry.has_expiry_days()) out.Integer("expiry_days", entry.expiry_days());
    if (entry.has_common_name()) out.String("common_name", entry.common_name());
    if (entry.subject_size() == 0) continue;
    out.Table(Below(path, "subject"));
    Texts(out, entry.subject());
  }
}

}  // namespace

std::string FormatConfig(const v1::Keyd& keyd) {
  TomlText out;
  Unless(out, "max_requests", keyd.has_max_requests(), keyd.max_requests(), kDefaultMaxRequests);
  if (keyd.has_key_library()) out.String("key_library", keyd.key_library());
  out.Table({"aziot_keys"});
  Texts(out, keyd.aziot_keys());
  out.Table({"preloaded_keys"});
  Texts(out, keyd.preloaded_keys());
  for (const v1::KeyPrincipal& principal : keyd.principal()) {
    out.ArrayTable("principal");
    out.Integer("uid", principal.uid());
    out.Strings("keys", {principal.keys().begin(), principal.keys().end()});
  }
  return out.text();
}

std::string FormatConfig(const v1::Certd& certd) {
  TomlText out;
  out.String("homedir_path", certd.homedir_path());
  Unless(out, "max_requests", certd.has_max_requests(), certd.max_requests(), kDefaultMaxRequests);
  Issuance(out, certd.cert_issuance());
  out.Table({"preloaded_certs"});
  for (const auto& [id, preloaded] : Sorted(certd.preloaded_certs())) {
    if (preloaded.uri().empty()) {
      out.Strings(id, {preloaded.ids().begin(), preloaded.ids().end()});
    } else {
      out.String(id, preloaded.uri());
    }
  }
  for (const v1::CertPrincipal& principal : certd.principal()) {
    out.ArrayTable("principal");
    out.Integer("uid", principal.uid());
    out.Strings("certs", {principal.certs().begin(), principal.certs().end()});
  }
  return out.text();
}

std::string FormatConfig(const v1::Identityd& identityd) {
  TomlText out;
  out.String("hostname", identityd.hostname());
  out.String("homedir", identityd.homedir());
  out.Bool("prefer_module_identity_cache", identityd.prefer_module_identity_cache());
  Unless(out, "max_requests", identityd.has_max_requests(), identityd.max_requests(), kDefaultMaxRequests);
  Unless(out, "cloud_timeout_sec", identityd.has_cloud_timeout_sec(), identityd.cloud_timeout_sec(),
         kDefaultCloudTimeout);
  Unless(out, "cloud_retries", identityd.has_cloud_retries(), identityd.cloud_retries(),
         kDefaultCloudRetries);
  const v1::Provisioning& provisioning = identityd.provisioning();
  out.Table({"provisioning"});
  if (provisioning.has_local_gateway_hostname())
    out.String("local_gateway_hostname", provisioning.local_gateway_hostname());
  out.String("source", provisioning.source());
  if (provisioning.has_iothub_hostname()) out.String("iothub_hostname", provisioning.iothub_hostname());
  if (provisioning.has_device_id()) out.String("device_id", provisioning.device_id());
  if (provisioning.has_global_endpoint()) out.String("global_endpoint", provisioning.global_endpoint());
  if (provisioning.has_scope_id()) out.String("scope_id", provisioning.scope_id());
  if (provisioning.has_authentication()) Authentication(out, provisioning.authentication());
  if (provisioning.has_attestation()) Attestation(out, provisioning.attestation());
  if (provisioning.has_payload()) {
    out.Table({"provisioning", "payload"});
    out.String("uri", provisioning.payload().uri());
  }
  if (identityd.has_localid()) {
    out.Table({"localid"});
    out.String("domain", identityd.localid().domain());
  }
  return out.text();
}

std::string FormatConfig(const v1::Tpmd& tpmd) {
  TomlText out;
  Unless(out, "max_requests", tpmd.has_max_requests(), tpmd.max_requests(), kDefaultMaxRequests);
  if (tpmd.has_tcti() && tpmd.tcti() != "device") CString(out, "tcti", tpmd.tcti());
  Unless(out, "auth_key_index", tpmd.has_auth_key_index(), tpmd.auth_key_index(), kDefaultAuthKeyIndex);
  const v1::HierarchyAuthorization& hierarchy = tpmd.hierarchy_authorization();
  if (!hierarchy.endorsement().empty() || !hierarchy.owner().empty()) {
    out.Table({"hierarchy_authorization"});
    CString(out, "endorsement", hierarchy.endorsement());
    CString(out, "owner", hierarchy.owner());
  }
  return out.text();
}

}  // namespace aziot::ctl
