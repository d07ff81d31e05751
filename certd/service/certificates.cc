#include "certd/service/certificates.h"

#include "absl/strings/str_cat.h"
#include "certd/issuer/issuers.h"
#include "certd/issuer/local_signing.h"
#include "common/openssl/certificate.h"
#include "common/rpc/errors.h"
#include "common/status/errno_status.h"
#include "common/status/status_macros.h"

namespace aziot::certd {
namespace {

namespace v1 = certificates::v1;

absl::StatusOr<CertId> ParseId(absl::string_view parameter, absl::string_view text) {
  absl::StatusOr<CertId> id = CertId::Parse(text);
  if (!id.ok()) return rpc::InvalidParameter(parameter, id.status().message());
  return id;
}

absl::Status CheckWrite(const Rules& rules, const net::Peer& peer, const CertId& id) {
  if (rules.access.Allows(peer, id.value())) return absl::OkStatus();
  return rpc::NotAuthorized(
      absl::StrCat("user ", peer.uid, " is not authorized to modify the cert ", id.value()));
}

// A refusal with a reason for the caller; everything else is a failure of ours, which only the log explains.
absl::Status ToCaller(const absl::Status& status) {
  if (absl::IsFailedPrecondition(status)) return rpc::InvalidParameter("certId", status.message());
  return rpc::InternalError(status.message());
}

v1::Certificate WithPem(std::string pem) {
  v1::Certificate reply;
  reply.set_pem(std::move(pem));
  return reply;
}

}  // namespace

void CertificatesService::Register(rpc::Dispatcher& dispatcher) {
  dispatcher.Add("aziot.certificates.v1.Certificates.CreateCertificate", *this, &CertificatesService::Create);
  dispatcher.Add("aziot.certificates.v1.Certificates.GetCertificate", *this, &CertificatesService::Get);
  dispatcher.Add("aziot.certificates.v1.Certificates.ImportCertificate", *this, &CertificatesService::Import);
  dispatcher.Add("aziot.certificates.v1.Certificates.DeleteCertificate", *this, &CertificatesService::Delete);
}

void CertificatesService::SwapRules(Rules rules) {
  auto fresh = std::make_shared<const Rules>(std::move(rules));
  std::lock_guard lock(mutex_);
  rules_.swap(fresh);
}

std::shared_ptr<const Rules> CertificatesService::CurrentRules() const {
  std::lock_guard lock(mutex_);
  return rules_;
}

absl::StatusOr<v1::Certificate> CertificatesService::Create(const rpc::CallContext& call,
                                                            const v1::CreateCertificateRequest& request) {
  const std::shared_ptr<const Rules> rules = CurrentRules();
  ASSIGN_OR_RETURN(const CertId id, ParseId("certId", request.cert_id()));
  RETURN_IF_ERROR(CheckWrite(*rules, call.peer, id));
  if (request.has_expiry_days() &&
      (request.expiry_days() == 0 || request.expiry_days() > rules->max_expiry_days)) {
    return rpc::InvalidParameter("expiryDays", absl::StrCat("must be from 1 to ", rules->max_expiry_days));
  }
  RETURN_IF_ERROR(call.MoveTo(Lane::Peers()));

  auto csr = openssl::ParseRequest(request.csr());
  if (!csr.ok()) return rpc::InvalidParameter("csr", csr.status().message());

  IssuanceEntry entry;
  if (const auto found = rules->issuance.find(id); found != rules->issuance.end()) entry = found->second;
  if (request.has_expiry_days()) entry.expiry_days = request.expiry_days();
  const IssueRequest issue{.id = id, .csr = **csr, .entry = entry};
  ASSIGN_OR_RETURN(std::string pem, request.has_issuer() ? IssueBy(*rules, request.issuer(), issue)
                                                         : IssueConfigured(*rules, issue));
  if (absl::Status stored = store_.Put(rules->locations, id, pem); !stored.ok())
    return rpc::InternalError(stored.message());
  return WithPem(std::move(pem));
}

absl::StatusOr<std::string> CertificatesService::IssueBy(const Rules& rules, const v1::Issuer& issuer,
                                                         const IssueRequest& request) {
  ASSIGN_OR_RETURN(const CertId id, ParseId("issuer.certId", issuer.cert_id()));
  absl::StatusOr<std::string> chain = store_.Get(rules.locations, id);
  if (absl::IsNotFound(chain.status())) return rpc::InvalidParameter("issuer.certId", "not found");
  if (!chain.ok()) return rpc::InternalError(chain.status().message());
  auto certificates = openssl::ParseCertificates(*chain);
  if (!certificates.ok()) return rpc::InternalError(Annotate(certificates.status(), id.value()).message());
  if (certificates->empty()) return rpc::InvalidParameter("issuer.certId", "invalid issuer");
  if (issuer.private_key_handle().find('\0') != std::string::npos) {
    return rpc::InvalidParameter("issuer.privateKeyHandle", "must not contain NUL");
  }

  absl::StatusOr<openssl::PkeyPtr> key = keys_.ByHandle(issuer.private_key_handle());
  if (!key.ok()) return ToCaller(key.status());
  auto pem =
      SignLocally(request, {.chain_pem = *chain, .key = **key, .context = keys_.context()}, clock_.Now());
  if (absl::IsFailedPrecondition(pem.status()))
    return rpc::InvalidParameter("issuer", pem.status().message());
  if (!pem.ok()) return rpc::InternalError(pem.status().message());
  return pem;
}

absl::StatusOr<std::string> CertificatesService::IssueConfigured(const Rules& rules,
                                                                 const IssueRequest& request) {
  if (request.entry.method.empty()) {
    return rpc::InvalidParameter("certId",
                                 absl::StrCat("the request names no issuer and there is no [cert_issuance.",
                                              request.id.value(), "] in the configuration"));
  }
  const StoredCertificates certificates(store_, rules.locations);
  auto issuer =
      NewIssuer(request.entry.method,
                {.certificates = certificates, .keys = keys_, .clock = clock_, .local_ca = rules.local_ca});
  if (!issuer.ok()) return rpc::InternalError(issuer.status().message());
  absl::StatusOr<std::string> pem = (*issuer)->Issue(request);
  if (!pem.ok()) return ToCaller(pem.status());
  return pem;
}

absl::StatusOr<v1::Certificate> CertificatesService::Get(const rpc::CallContext&,
                                                         const v1::CertificateId& request) {
  ASSIGN_OR_RETURN(const CertId id, ParseId("id", request.id()));
  const std::shared_ptr<const Rules> rules = CurrentRules();
  absl::StatusOr<std::string> pem = store_.Get(rules->locations, id);
  if (absl::IsNotFound(pem.status())) return rpc::InvalidParameter("id", "not found");
  if (!pem.ok()) return rpc::InternalError(pem.status().message());
  return WithPem(*std::move(pem));
}

absl::StatusOr<v1::Certificate> CertificatesService::Import(const rpc::CallContext& call,
                                                            const v1::ImportCertificateRequest& request) {
  ASSIGN_OR_RETURN(const CertId id, ParseId("id", request.id()));
  const std::shared_ptr<const Rules> rules = CurrentRules();
  RETURN_IF_ERROR(CheckWrite(*rules, call.peer, id));
  RETURN_IF_ERROR(call.MoveTo(Lane::Peers()));
  if (absl::Status stored = store_.Put(rules->locations, id, request.pem()); !stored.ok())
    return rpc::InternalError(stored.message());
  return WithPem(request.pem());
}

absl::StatusOr<v1::Done> CertificatesService::Delete(const rpc::CallContext& call,
                                                     const v1::CertificateId& request) {
  ASSIGN_OR_RETURN(const CertId id, ParseId("id", request.id()));
  const std::shared_ptr<const Rules> rules = CurrentRules();
  RETURN_IF_ERROR(CheckWrite(*rules, call.peer, id));
  RETURN_IF_ERROR(call.MoveTo(Lane::Peers()));
  if (absl::Status gone = store_.Delete(rules->locations, id); !gone.ok())
    return rpc::InternalError(gone.message());
  return v1::Done();
}

}  // namespace aziot::certd
