// The rpcs of certificates.proto: who may write which certificate, what signs it, and where it is kept.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "absl/status/statusor.h"
#include "aziot/certificates/v1/certificates.pb.h"
#include "certd/issuer/issuer.h"
#include "certd/store/cert_store.h"
#include "common/access/access_rules.h"
#include "common/rpc/dispatcher.h"

namespace aziot::certd {

// What a reload replaces, as a whole: a call never sees half of an old configuration and half of a new one.
struct Rules {
  access::AccessRules access;
  Locations locations;
  std::map<CertId, IssuanceEntry> issuance;
  std::optional<LocalCaIds> local_ca;
  uint32_t max_expiry_days = 3650;
};

class CertificatesService {
 public:
  CertificatesService(CertStore& store, SigningKeys& keys, Clock& clock, Rules rules)
      : store_(store), keys_(keys), clock_(clock), rules_(std::make_shared<const Rules>(std::move(rules))) {}

  void Register(rpc::Dispatcher& dispatcher);
  // Calls that run finish with the rules they began with.
  void SwapRules(Rules rules);

  absl::StatusOr<certificates::v1::Certificate> Create(
      const rpc::CallContext& call, const certificates::v1::CreateCertificateRequest& request);
  absl::StatusOr<certificates::v1::Certificate> Get(const rpc::CallContext& call,
                                                    const certificates::v1::CertificateId& request);
  absl::StatusOr<certificates::v1::Certificate> Import(
      const rpc::CallContext& call, const certificates::v1::ImportCertificateRequest& request);
  absl::StatusOr<certificates::v1::Done> Delete(const rpc::CallContext& call,
                                                const certificates::v1::CertificateId& request);

 private:
  std::shared_ptr<const Rules> CurrentRules() const;
  absl::StatusOr<std::string> IssueBy(const Rules& rules, const certificates::v1::Issuer& issuer,
                                      const IssueRequest& request);
  absl::StatusOr<std::string> IssueConfigured(const Rules& rules, const IssueRequest& request);

  CertStore& store_;
  SigningKeys& keys_;
  Clock& clock_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Rules> rules_;
};

}  // namespace aziot::certd
