#include "certd/issuer/est/est.h"

#include "absl/strings/str_cat.h"

namespace aziot::certd {
namespace {

class Est final : public Issuer {
 public:
  absl::StatusOr<std::string> Issue(const IssueRequest& request) override {
    return absl::FailedPreconditionError(
        absl::StrCat("[cert_issuance.", request.id.value(),
                     "] method = \"est\" is not supported yet; use local_ca or "
                     "self_signed, or import the certificate"));
  }
};

}  // namespace

std::unique_ptr<Issuer> NewEst(const IssuerParts&) { return std::make_unique<Est>(); }

}  // namespace aziot::certd
