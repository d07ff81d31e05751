// Certificates and requests that are read can be shown and are written and read back as the same.
#include <openssl/err.h>

#include <cstdlib>

#include "common/bytes/bytes.h"
#include "common/openssl/certificate.h"

namespace {

void CheckCertificate(X509& certificate) {
  using namespace aziot::openssl;
  CommonName(*X509_get_subject_name(&certificate));
  FormatName(*X509_get_issuer_name(&certificate));
  NotBefore(certificate);
  NotAfter(certificate);
  const auto again = ParseCertificates(FormatCertificate(certificate));
  if (!again.ok() || again->size() != 1 || ToDer(*again->at(0)) != ToDer(certificate)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace aziot::openssl;
  const absl::string_view text = aziot::ToText({data, size});
  if (const auto certificates = ParseCertificates(text); certificates.ok()) {
    for (const X509Ptr& certificate : *certificates) CheckCertificate(*certificate);
  }
  if (const auto certificate = ParseCertificateDer({data, size}); certificate.ok())
    CheckCertificate(**certificate);
  if (const auto request = ParseRequest(text); request.ok()) {
    FormatName(*X509_REQ_get_subject_name(request->get()));
    if (!ParseRequest(FormatRequest(**request)).ok()) std::abort();
  }
  if (ERR_peek_error() != 0) std::abort();  // an error left behind would show up in someone else's message
  return 0;
}
