// Certificates and signing requests (RFC 5280, RFC 2986): read, inspected and built.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/bytes/bytes.h"
#include "common/openssl/owned.h"

namespace aziot::openssl {

// All certificates of a PEM text in their order; text around the armour is ignored. kInvalidArgument when one
// is damaged; an empty vector when there is none.
absl::StatusOr<std::vector<X509Ptr>> ParseCertificates(absl::string_view pem);
absl::StatusOr<X509Ptr> ParseCertificateDer(BytesView der);
std::string FormatCertificate(X509& certificate);
Bytes ToDer(X509& certificate);

// kInvalidArgument: not PEM, no public key, or a signature that does not verify with the request's own key.
absl::StatusOr<X509ReqPtr> ParseRequest(absl::string_view pem);
std::string FormatRequest(X509_REQ& request);

// Unencrypted PKCS#8, PKCS#1 or SEC1.
absl::StatusOr<PkeyPtr> ParsePrivateKey(absl::string_view pem);
// A SubjectPublicKeyInfo; "" when the key's provider does not give its public half away.
std::string FormatPublicKey(EVP_PKEY& key);

// A time that cannot be read is in the infinite past.
absl::Time NotBefore(const X509& certificate);
absl::Time NotAfter(const X509& certificate);
// The last CN of the subject as UTF-8, or "".
std::string CommonName(const X509_NAME& name);
// One line, e.g. "CN=device, O=x" (RFC 2253 order reversed), for logs and answers.
std::string FormatName(const X509_NAME& name);

// Attributes in the given order; names are OpenSSL short or long names in any case, or dotted OIDs. CN values
// are cut to 64 characters. kInvalidArgument names the attribute that is unknown or whose value its type
// refuses.
absl::StatusOr<X509NamePtr> BuildName(const std::vector<std::pair<std::string, std::string>>& attributes);

struct RequestOptions {
  // e.g. {"basicConstraints", "critical,CA:FALSE"}: OpenSSL's extension syntax, in this order.
  std::vector<std::pair<std::string, std::string>> extensions;
};
// A version 1 (value 0) request for `key`'s public half, signed with `key` and SHA-256. `key` may belong to a
// provider in `libctx` (nullptr: the default context).
absl::StatusOr<X509ReqPtr> BuildRequest(X509_NAME& subject, EVP_PKEY& key, const RequestOptions& options,
                                        OSSL_LIB_CTX* libctx = nullptr);

}  // namespace aziot::openssl
