#include <cstdint>
#include <cstdlib>

#include "certd/issuer/local_signing.h"
#include "common/openssl/certificate.h"

// A request in DER, whatever it asks for: what is signed is a certificate for the request's key that verifies
// with the signer's.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace aziot;
  static const openssl::PkeyPtr signer(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  const uint8_t* at = data;
  const openssl::X509ReqPtr csr(d2i_X509_REQ(nullptr, &at, static_cast<long>(size)));
  if (csr == nullptr || X509_REQ_get0_pubkey(csr.get()) == nullptr) return 0;

  static const std::string chain = [] {
    const openssl::X509Ptr certificate(X509_new());
    X509_set_pubkey(certificate.get(), signer.get());
    ASN1_TIME_set(X509_getm_notBefore(certificate.get()), 0);
    ASN1_TIME_set(X509_getm_notAfter(certificate.get()), 4'000'000'000);
    X509_sign(certificate.get(), signer.get(), EVP_sha256());
    return openssl::FormatCertificate(*certificate);
  }();
  const CertId id = *CertId::Parse("leaf");
  const certd::IssuanceEntry entry{.method = "local_ca"};
  const auto pem = certd::SignLocally({.id = id, .csr = *csr, .entry = entry},
                                      {.chain_pem = chain, .key = *signer, .context = nullptr},
                                      absl::FromUnixSeconds(1'800'000'000));
  if (!pem.ok()) return 0;
  const auto certificates = openssl::ParseCertificates(*pem);
  if (!certificates.ok() || certificates->size() != 2) std::abort();
  X509& leaf = *certificates->front();
  if (X509_verify(&leaf, signer.get()) != 1) std::abort();
  if (EVP_PKEY_eq(X509_get0_pubkey(&leaf), X509_REQ_get0_pubkey(csr.get())) != 1) std::abort();
  return 0;
}
