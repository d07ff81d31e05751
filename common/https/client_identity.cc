#include "common/https/client_identity.h"

#include "common/openssl/error_queue.h"

namespace aziot::https {

absl::Status Apply(const ClientIdentity& identity, SSL_CTX& context) {
  const auto failed = [](const char* doing) {
    return openssl::ErrorFromQueue(absl::StatusCode::kInternal, doing);
  };
  if (identity.chain.empty() || SSL_CTX_use_certificate(&context, identity.chain.front().get()) != 1) {
    return failed("using the client's certificate");
  }
  for (size_t i = 1; i < identity.chain.size(); ++i) {
    if (SSL_CTX_add1_chain_cert(&context, identity.chain[i].get()) != 1)
      return failed("using the client's chain");
  }
  if (SSL_CTX_use_PrivateKey(&context, identity.key.get()) != 1) return failed("using the client's key");
  return absl::OkStatus();
}

}  // namespace aziot::https
