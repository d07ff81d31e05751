#include "certd/issuer/self_signed/self_signed.h"

#include "certd/issuer/local_signing.h"
#include "common/status/status_macros.h"

namespace aziot::certd {
namespace {

class SelfSigned final : public Issuer {
 public:
  explicit SelfSigned(const IssuerParts& parts) : keys_(parts.keys), clock_(parts.clock) {}

  absl::StatusOr<std::string> Issue(const IssueRequest& request) override {
    ASSIGN_OR_RETURN(const KeyId key_id, KeyId::Parse(request.id.value()));
    ASSIGN_OR_RETURN(const openssl::PkeyPtr key, keys_.ById(key_id));
    return SignLocally(request, {.chain_pem = "", .key = *key, .context = keys_.context()}, clock_.Now());
  }

 private:
  SigningKeys& keys_;
  Clock& clock_;
};

}  // namespace

std::unique_ptr<Issuer> NewSelfSigned(const IssuerParts& parts) {
  return std::make_unique<SelfSigned>(parts);
}

}  // namespace aziot::certd
