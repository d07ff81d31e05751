#include "common/openssl/certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <climits>
#include <cstdlib>
#include <ctime>

#include "common/openssl/error_queue.h"
#include "common/openssl/pem.h"
#include "common/status/status_macros.h"

namespace aziot::openssl {
namespace {

absl::StatusOr<X509Ptr> FromDer(const uint8_t* der, long size) {
  const uint8_t* end = der;
  X509Ptr certificate(d2i_X509(nullptr, &end, size));
  if (certificate == nullptr)
    return ErrorFromQueue(absl::StatusCode::kInvalidArgument, "reading a certificate");
  if (end != der + size) return absl::InvalidArgumentError("reading a certificate: bytes after its end");
  return certificate;
}

absl::Time ToTime(const ASN1_TIME* time) {
  std::tm fields{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &fields) != 1) return absl::InfinitePast();
  return absl::FromTM(fields, absl::UTCTimeZone());
}

}  // namespace

absl::StatusOr<std::vector<X509Ptr>> ParseCertificates(absl::string_view pem) {
  ASSIGN_OR_RETURN(const BioPtr text, OpenText(pem));
  std::vector<X509Ptr> certificates;
  while (true) {
    ASSIGN_OR_RETURN(const std::optional<PemBlock> block,
                     NextBlock(*text, PEM_STRING_X509, "reading a certificate"));
    if (!block.has_value()) return certificates;
    ASSIGN_OR_RETURN(X509Ptr certificate, FromDer(block->data.get(), block->size));
    certificates.push_back(std::move(certificate));
  }
}

absl::StatusOr<X509Ptr> ParseCertificateDer(BytesView der) {
  if (der.empty() || der.size() > LONG_MAX)
    return absl::InvalidArgumentError("reading a certificate: no DER");
  return FromDer(der.data(), static_cast<long>(der.size()));
}

std::string FormatCertificate(X509& certificate) {
  const BioPtr out(BIO_new(BIO_s_mem()));
  if (out == nullptr || PEM_write_bio_X509(out.get(), &certificate) != 1) std::abort();  // out of memory
  return TextOf(*out);
}

Bytes ToDer(X509& certificate) {
  const int size = i2d_X509(&certificate, nullptr);
  if (size < 0) std::abort();  // not a whole certificate, which none of our functions makes
  Bytes der(static_cast<size_t>(size));
  uint8_t* end = der.data();
  i2d_X509(&certificate, &end);
  return der;
}

absl::StatusOr<PkeyPtr> ParsePrivateKey(absl::string_view pem) {
  ASSIGN_OR_RETURN(const BioPtr text, OpenText(pem));
  PkeyPtr key(PEM_read_bio_PrivateKey(text.get(), nullptr, NoPassword, nullptr));
  if (key == nullptr) return ErrorFromQueue(absl::StatusCode::kInvalidArgument, "reading a private key");
  return key;
}

std::string FormatPublicKey(EVP_PKEY& key) {
  const BioPtr out(BIO_new(BIO_s_mem()));
  if (out == nullptr) std::abort();  // out of memory
  if (PEM_write_bio_PUBKEY(out.get(), &key) != 1) {
    ERR_clear_error();
    return "";
  }
  return TextOf(*out);
}

absl::Time NotBefore(const X509& certificate) { return ToTime(X509_get0_notBefore(&certificate)); }

absl::Time NotAfter(const X509& certificate) { return ToTime(X509_get0_notAfter(&certificate)); }

}  // namespace aziot::openssl
