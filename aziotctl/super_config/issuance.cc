#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "aziotctl/super_config/locations.h"
#include "aziotctl/super_config/parts.h"
#include "common/status/status_macros.h"

namespace aziot::ctl {
namespace {

namespace v1 = config::v1;

constexpr char kEstId[] = "est-id";
constexpr char kEstBootstrapId[] = "est-bootstrap-id";
constexpr char kTemporary[] = "-temp";

absl::StatusOr<std::string> EstUrl(Parts& parts, const std::string& option, const std::string& text) {
  ASSIGN_OR_RETURN(std::string url, NormalUrl(option, text));
  if (absl::StartsWith(url, "http://")) {
    parts.warnings.push_back(absl::StrCat(
        option, ": EST over plain http: anybody on the way can read the password and replace the answer"));
  }
  return url;
}

absl::Status Preload(Parts& parts, const std::string& option, const std::string& prefix,
                     const std::string& cert, const std::string& key, const std::string& id) {
  ASSIGN_OR_RETURN(const std::string cert_location,
                   FileLocation(absl::StrCat(option, ".", prefix, "identity_cert"), cert));
  ASSIGN_OR_RETURN(const std::string key_location,
                   KeyLocation(absl::StrCat(option, ".", prefix, "identity_pk"), key));
  (*parts.certd.mutable_preloaded_certs())[id].set_uri(cert_location);
  (*parts.keyd.mutable_preloaded_keys())[id] = key_location;
  return absl::OkStatus();
}

enum class Credential { kNone, kIdentity, kBootstrap };

// Password and certificate that an EST server asks for, from SuperEstAuth or SuperCert to EstDefaults or
// CertIssuanceEntry. `suffix` goes behind the ids.
template <class From, class To>
absl::StatusOr<Credential> SplitAuth(Parts& parts, const std::string& option, const From& from,
                                     const std::string& suffix, To& to) {
  if (from.has_username() != from.has_password())
    return BadOption(option, "username and password belong together");
  if (from.has_identity_cert() != from.has_identity_pk())
    return BadOption(option, "identity_cert and identity_pk belong together");
  if (from.has_bootstrap_identity_cert() != from.has_bootstrap_identity_pk())
    return BadOption(option, "bootstrap_identity_cert and bootstrap_identity_pk belong together");
  if (from.has_username()) {
    to.set_username(from.username());
    to.set_password(from.password());
  }
  if (!from.has_identity_cert() && !from.has_bootstrap_identity_cert()) return Credential::kNone;
  const std::string identity = absl::StrCat(kEstId, suffix);
  to.set_identity_cert(identity);
  to.set_identity_pk(identity);
  if (!from.has_bootstrap_identity_cert()) {
    RETURN_IF_ERROR(Preload(parts, option, "", from.identity_cert(), from.identity_pk(), identity));
    return Credential::kIdentity;
  }
  const std::string bootstrap = absl::StrCat(kEstBootstrapId, suffix);
  to.set_bootstrap_identity_cert(bootstrap);
  to.set_bootstrap_identity_pk(bootstrap);
  RETURN_IF_ERROR(Preload(parts, option, "bootstrap_", from.bootstrap_identity_cert(),
                          from.bootstrap_identity_pk(), bootstrap));
  return Credential::kBootstrap;
}

}  // namespace

absl::Status SplitIssuance(Parts& parts, const std::string& option, const v1::SuperCert& from,
                           const std::string& id) {
  const std::string& method = from.method();
  if (method != "est" && method != "local_ca" && method != "self_signed") {
    return BadOption(absl::StrCat(option, ".method"), "expected est, local_ca or self_signed");
  }
  if (from.has_expiry_days() && from.expiry_days() == 0)
    return BadOption(absl::StrCat(option, ".expiry_days"), "expiry_days must be greater than 0");
  v1::CertIssuanceEntry& to = (*parts.certd.mutable_cert_issuance()->mutable_entries())[id];
  to.set_method(method);
  if (from.has_expiry_days()) to.set_expiry_days(from.expiry_days());
  if (from.has_common_name()) {
    to.set_common_name(from.common_name());
  } else {
    *to.mutable_subject() = from.subject();
  }
  if (method != "est") return absl::OkStatus();
  if (from.has_url()) {
    ASSIGN_OR_RETURN(const std::string url, EstUrl(parts, absl::StrCat(option, ".url"), from.url()));
    to.set_url(url);
  }
  const std::string suffix = absl::StrCat("-", id);
  ASSIGN_OR_RETURN(const Credential credential, SplitAuth(parts, option, from, suffix, to));
  if (credential == Credential::kBootstrap) {
    parts.certd_keys.push_back(absl::StrCat(kEstBootstrapId, suffix));
    parts.certd_keys.push_back(absl::StrCat(kEstId, suffix, kTemporary));
  }
  if (credential != Credential::kNone) parts.certd_keys.push_back(absl::StrCat(kEstId, suffix));
  return absl::OkStatus();
}

absl::Status SplitLocalCa(Parts& parts) {
  if (!parts.super.cert_issuance().has_local_ca()) return absl::OkStatus();
  const v1::SuperLocalCa& ca = parts.super.cert_issuance().local_ca();
  const std::string option = "cert_issuance.local_ca";
  v1::LocalCa& to = *parts.certd.mutable_cert_issuance()->mutable_local_ca();
  to.set_cert(kLocalCa);
  to.set_pk(kLocalCa);
  if (ca.cert().uri().empty()) {
    if (ca.cert().method() == "local_ca")
      return BadOption(absl::StrCat(option, ".cert.method"), "expected est or self_signed");
    if (ca.cert().has_auto_renew()) {
      parts.warnings.push_back(
          absl::StrCat(option, ".cert.auto_renew is ignored: only the device's own certificate is renewed"));
    }
    return SplitIssuance(parts, absl::StrCat(option, ".cert"), ca.cert(), kLocalCa);
  }
  if (!ca.has_pk()) return BadOption(absl::StrCat(option, ".pk"), "missing");
  ASSIGN_OR_RETURN(const std::string cert, FileLocation(absl::StrCat(option, ".cert"), ca.cert().uri()));
  ASSIGN_OR_RETURN(const std::string key, KeyLocation(absl::StrCat(option, ".pk"), ca.pk()));
  (*parts.certd.mutable_preloaded_certs())[kLocalCa].set_uri(cert);
  (*parts.keyd.mutable_preloaded_keys())[kLocalCa] = key;
  return absl::OkStatus();
}

absl::Status SplitEst(Parts& parts) {
  if (!parts.super.cert_issuance().has_est()) return absl::OkStatus();
  const v1::SuperEst& from = parts.super.cert_issuance().est();
  const std::string option = "cert_issuance.est";
  v1::EstDefaults& to = *parts.certd.mutable_cert_issuance()->mutable_est();
  for (int i = 0; i < from.trusted_certs_size(); ++i) {
    const std::string id = absl::StrCat("est-server-ca-", i + 1);
    ASSIGN_OR_RETURN(const std::string location,
                     FileLocation(absl::StrCat(option, ".trusted_certs[", i, "]"), from.trusted_certs(i)));
    (*parts.certd.mutable_preloaded_certs())[id].set_uri(location);
    to.add_trusted_certs(id);
  }
  for (const auto& [id, text] : from.urls()) {
    ASSIGN_OR_RETURN(const std::string url, EstUrl(parts, absl::StrCat(option, ".urls.", id), text));
    (*to.mutable_urls())[id] = url;
  }
  bool rotate_key = true;
  if (from.has_identity_auto_renew()) {
    const v1::AutoRenew& renew = from.identity_auto_renew();
    const std::string policy = absl::StrCat(option, ".identity_auto_renew");
    RETURN_IF_ERROR(CheckRenewalPolicy(absl::StrCat(policy, ".threshold"), renew.threshold()));
    RETURN_IF_ERROR(CheckRenewalPolicy(absl::StrCat(policy, ".retry"), renew.retry()));
    rotate_key = renew.rotate_key();
    *to.mutable_identity_auto_renew() = renew;
  }
  ASSIGN_OR_RETURN(const Credential credential,
                   SplitAuth(parts, absl::StrCat(option, ".auth"), from.auth(), "", to));
  if (credential == Credential::kBootstrap) parts.certd_keys.push_back(kEstBootstrapId);
  if (credential != Credential::kNone) parts.certd_keys.push_back(kEstId);
  if (credential == Credential::kBootstrap && rotate_key)
    parts.certd_keys.push_back(absl::StrCat(kEstId, kTemporary));
  return absl::OkStatus();
}

}  // namespace aziot::ctl
