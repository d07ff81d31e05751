#include "openssl-engine/cert_chain.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>

#include "openssl-engine/json.h"
#include "openssl-engine/owned.h"

namespace aziot::openssl_engine {
namespace {

using BioPtr = std::unique_ptr<BIO, FreeWith<BIO_free_all>>;
using X509Ptr = std::unique_ptr<X509, FreeWith<X509_free>>;

Failure NoCertificate(const char* text) { return {Reason::kBadAnswer, text}; }

Bytes Encode(const X509* certificate) {
  const int length = i2d_X509(certificate, nullptr);
  if (length <= 0) return {};
  Bytes der(static_cast<size_t>(length));
  uint8_t* out = der.data();
  i2d_X509(certificate, &out);
  return der;
}

}  // namespace

Result<std::vector<Bytes>> ParseCertChain(std::string_view pem) {
  const BioPtr in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (in == nullptr) return Failure{Reason::kCrypto, "no memory for certificates"};
  std::vector<Bytes> chain;
  ERR_set_mark();
  while (const X509Ptr certificate{PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr)}) {
    chain.push_back(Encode(certificate.get()));
  }
  // Reading ends with an error in any case; only this one is the end of the text.
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_pop_to_mark();
  if (!at_end) return NoCertificate("a certificate of certd's answer cannot be read");
  if (chain.empty()) return NoCertificate("certd's answer holds no certificate");
  return chain;
}

Result<std::vector<Bytes>> FetchCertChain(const KeyRef& ref, Endpoint endpoint) {
  if (!ref.socket_path.empty()) endpoint.socket_path = ref.socket_path;
  const std::string path = "/certificates/" + PercentEncode(ref.cert_id);
  const Result<std::string> body = Call(endpoint, "GET", path, "");
  if (!body.ok()) return body.failure();
  const Result<std::string> pem = StringMember(*body, "pem");
  Result<std::vector<Bytes>> chain =
      pem.ok() ? ParseCertChain(*pem) : Result<std::vector<Bytes>>(pem.failure());
  if (chain.ok()) return chain;
  return Failure{chain.failure().reason, "GET " + path + ": " + chain.failure().text};
}

}  // namespace aziot::openssl_engine
