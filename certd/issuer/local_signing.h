// Signs a certificate here, by the rules of certificates-service.md §4.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "certd/issuer/issuer.h"

namespace aziot::certd {

struct Signer {
  // PEM, the issuing certificate first; empty: the new certificate signs itself.
  absl::string_view chain_pem;
  EVP_PKEY& key;
  OSSL_LIB_CTX* context;
};

// PEM: the new certificate, then the signer's chain. Validity starts at `now` and never ends after the
// signer's. kFailedPrecondition: the signer has expired, or its key is not the certificate's. kInternal: the
// chain holds no certificate, an attribute of the configured subject is not possible, or signing failed.
absl::StatusOr<std::string> SignLocally(const IssueRequest& request, const Signer& signer, absl::Time now);

}  // namespace aziot::certd
