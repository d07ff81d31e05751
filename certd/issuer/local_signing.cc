#include "certd/issuer/local_signing.h"

#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "absl/strings/str_cat.h"
#include "common/openssl/certificate.h"
#include "common/openssl/error_queue.h"
#include "common/status/errno_status.h"
#include "common/status/status_macros.h"

namespace aziot::certd {
namespace {

using AuthorityKeyIdPtr = std::unique_ptr<AUTHORITY_KEYID, openssl::FreeWith<AUTHORITY_KEYID_free>>;
using OctetsPtr = std::unique_ptr<ASN1_OCTET_STRING, openssl::FreeWith<ASN1_OCTET_STRING_free>>;

constexpr int kSerialBytes = 20;  // the most RFC 5280, 4.1.2.2 allows

absl::Status Failed(absl::string_view doing) {
  return openssl::ErrorFromQueue(absl::StatusCode::kInternal, doing);
}

absl::Status SetSerial(X509& certificate) {
  unsigned char random[kSerialBytes];
  if (RAND_bytes(random, sizeof random) != 1) return Failed("RAND_bytes");
  random[0] = static_cast<unsigned char>((random[0] & 0x7f) | 0x40);  // positive, and always of full length
  openssl::BignumPtr number(BN_bin2bn(random, sizeof random, nullptr));
  if (number == nullptr || BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(&certificate)) == nullptr) {
    return Failed("setting the serial number");
  }
  return absl::OkStatus();
}

absl::Status SetValidity(X509& certificate, const X509* issuer, int64_t days, absl::Time now) {
  absl::Time end = now + absl::Hours(24) * days;
  if (issuer != nullptr) {
    const absl::Time issuer_end = openssl::NotAfter(*issuer);
    if (issuer_end <= now) {
      return absl::FailedPreconditionError(absl::StrCat("the issuer's certificate expired at ",
                                                        absl::FormatTime(issuer_end, absl::UTCTimeZone())));
    }
    end = std::min(end, issuer_end);
  }
  if (ASN1_TIME_set(X509_getm_notBefore(&certificate), absl::ToTimeT(now)) == nullptr ||
      ASN1_TIME_set(X509_getm_notAfter(&certificate), absl::ToTimeT(end)) == nullptr) {
    return Failed("setting the validity");
  }
  return absl::OkStatus();
}

absl::Status SetNames(X509& certificate, const IssueRequest& request, const X509* issuer) {
  openssl::X509NamePtr override_name;
  const X509_NAME* subject = X509_REQ_get_subject_name(&request.csr);
  if (request.entry.subject.has_value()) {
    auto name = openssl::BuildName(*request.entry.subject);
    if (!name.ok()) {
      return absl::InternalError(
          absl::StrCat("[cert_issuance.", request.id.value(), "]: ", name.status().message()));
    }
    override_name = *std::move(name);
    subject = override_name.get();
  }
  const X509_NAME* issuer_name = issuer == nullptr ? subject : X509_get_subject_name(issuer);
  if (X509_set_subject_name(&certificate, subject) != 1 ||
      X509_set_issuer_name(&certificate, issuer_name) != 1) {
    return Failed("setting the names");
  }
  return absl::OkStatus();
}

absl::Status CopyExtensions(X509& certificate, X509_REQ& csr) {
  openssl::X509ExtensionsPtr requested(X509_REQ_get_extensions(&csr));
  for (int i = 0; i < sk_X509_EXTENSION_num(requested.get()); ++i) {
    if (X509_add_ext(&certificate, sk_X509_EXTENSION_value(requested.get(), i), -1) != 1) {
      return Failed("copying a requested extension");
    }
  }
  return absl::OkStatus();
}

absl::Status AddKeyIdentifiers(X509& certificate, const X509* issuer) {
  if (X509_get_ext_by_NID(&certificate, NID_subject_key_identifier, -1) < 0) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    OctetsPtr identifier(ASN1_OCTET_STRING_new());
    if (X509_pubkey_digest(&certificate, EVP_sha1(), digest, &size) != 1 || identifier == nullptr ||
        ASN1_OCTET_STRING_set(identifier.get(), digest, static_cast<int>(size)) != 1 ||
        X509_add1_ext_i2d(&certificate, NID_subject_key_identifier, identifier.get(), 0, X509V3_ADD_APPEND) !=
            1) {
      return Failed("adding subjectKeyIdentifier");
    }
  }
  const ASN1_OCTET_STRING* issuer_identifier =
      issuer == nullptr ? nullptr : X509_get0_subject_key_id(const_cast<X509*>(issuer));
  if (issuer_identifier == nullptr ||
      X509_get_ext_by_NID(&certificate, NID_authority_key_identifier, -1) >= 0) {
    return absl::OkStatus();
  }
  AuthorityKeyIdPtr authority(AUTHORITY_KEYID_new());
  if (authority == nullptr) return Failed("AUTHORITY_KEYID_new");
  authority->keyid = ASN1_OCTET_STRING_dup(issuer_identifier);
  if (authority->keyid == nullptr || X509_add1_ext_i2d(&certificate, NID_authority_key_identifier,
                                                       authority.get(), 0, X509V3_ADD_APPEND) != 1) {
    return Failed("adding authorityKeyIdentifier");
  }
  return absl::OkStatus();
}

// The keys themselves, not their encodings: a point has two.
bool SamePublicKey(const EVP_PKEY* a, const EVP_PKEY* b) {
  return a != nullptr && b != nullptr && EVP_PKEY_eq(a, b) == 1;
}

absl::Status CheckKey(const IssueRequest& request, const X509* issuer, const EVP_PKEY& key) {
  if (issuer == nullptr) {
    if (SamePublicKey(X509_REQ_get0_pubkey(&request.csr), &key)) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat("the request's key is not the key pair ", request.id.value(), " that would sign it"));
  }
  if (SamePublicKey(X509_get0_pubkey(issuer), &key)) return absl::OkStatus();
  return absl::FailedPreconditionError("the issuer's key does not belong to its certificate");
}

absl::Status Sign(X509& certificate, const Signer& signer) {
  openssl::MdCtxPtr digest(EVP_MD_CTX_new());
  if (digest == nullptr ||
      EVP_DigestSignInit_ex(digest.get(), nullptr, "SHA256", signer.context, nullptr, &signer.key, nullptr) !=
          1 ||
      X509_sign_ctx(&certificate, digest.get()) <= 0) {
    return Failed("signing the certificate");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> SignLocally(const IssueRequest& request, const Signer& signer, absl::Time now) {
  std::vector<openssl::X509Ptr> chain;
  if (!signer.chain_pem.empty()) {
    ASSIGN_OR_RETURN(chain, openssl::ParseCertificates(signer.chain_pem));
    if (chain.empty()) return absl::InternalError("the issuer's file holds no certificate");
  }
  const X509* issuer = chain.empty() ? nullptr : chain.front().get();
  RETURN_IF_ERROR(CheckKey(request, issuer, signer.key));

  openssl::X509Ptr certificate(X509_new());
  if (certificate == nullptr || X509_set_version(certificate.get(), X509_VERSION_3) != 1 ||
      X509_set_pubkey(certificate.get(), X509_REQ_get0_pubkey(&request.csr)) != 1) {
    return Failed("starting a certificate");
  }
  RETURN_IF_ERROR(SetSerial(*certificate));
  RETURN_IF_ERROR(SetNames(*certificate, request, issuer));
  RETURN_IF_ERROR(SetValidity(*certificate, issuer, request.entry.expiry_days, now));
  RETURN_IF_ERROR(CopyExtensions(*certificate, request.csr));
  RETURN_IF_ERROR(AddKeyIdentifiers(*certificate, issuer));
  RETURN_IF_ERROR(Sign(*certificate, signer));

  std::string pem = openssl::FormatCertificate(*certificate);
  for (const openssl::X509Ptr& link : chain) pem += openssl::FormatCertificate(*link);
  return pem;
}

}  // namespace aziot::certd
