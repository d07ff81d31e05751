#include "certd/issuer/local_ca/local_ca.h"

#include "absl/strings/str_cat.h"
#include "certd/issuer/local_signing.h"
#include "common/status/status_macros.h"

namespace aziot::certd {
namespace {

class LocalCa final : public Issuer {
 public:
  explicit LocalCa(const IssuerParts& parts)
      : certificates_(parts.certificates), keys_(parts.keys), clock_(parts.clock), ids_(parts.local_ca) {}

  absl::StatusOr<std::string> Issue(const IssueRequest& request) override {
    if (!ids_.has_value()) {
      return absl::FailedPreconditionError(
          absl::StrCat("[cert_issuance.", request.id.value(),
                       "] says local_ca, but there is no [cert_issuance.local_ca]"));
    }
    const absl::StatusOr<std::string> chain = certificates_.Get(ids_->certificate);
    // Whatever its code: the caller cannot mend it.
    if (!chain.ok()) {
      return absl::InternalError(absl::StrCat("the local CA's certificate: ", chain.status().message()));
    }
    if (chain->empty()) return absl::InternalError("the local CA's file is empty");
    ASSIGN_OR_RETURN(const openssl::PkeyPtr key, keys_.ById(ids_->key));
    return SignLocally(request, {.chain_pem = *chain, .key = *key, .context = keys_.context()}, clock_.Now());
  }

 private:
  const CertificateSource& certificates_;
  SigningKeys& keys_;
  Clock& clock_;
  const std::optional<LocalCaIds> ids_;
};

}  // namespace

std::unique_ptr<Issuer> NewLocalCa(const IssuerParts& parts) { return std::make_unique<LocalCa>(parts); }

}  // namespace aziot::certd
