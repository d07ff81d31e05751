#include "identityd/local/local_identity.h"

#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "aziot/certificates/v1/certificates.pb.h"
#include "common/openssl/certificate.h"
#include "common/openssl/error_queue.h"
#include "common/openssl/owned.h"
#include "common/status/errno_status.h"
#include "common/status/status_macros.h"

namespace aziot::identityd {
namespace {

constexpr unsigned int kRsaBits = 2048;

absl::StatusOr<std::string> FormatPkcs8(EVP_PKEY& key) {
  openssl::BioPtr out(BIO_new(BIO_s_secmem()));
  if (out == nullptr ||
      PEM_write_bio_PKCS8PrivateKey(out.get(), &key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return openssl::ErrorFromQueue(absl::StatusCode::kInternal, "writing a private key");
  }
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return std::string(data, static_cast<size_t>(size));
}

// Module ids may hold anything; a comma would begin another name in OpenSSL's extension syntax.
bool IsDnsName(absl::string_view name) {
  return std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '.' || c == '-' || c == '_';
  });
}

}  // namespace

absl::StatusOr<std::string> FormatLocalRequest(EVP_PKEY& key, const std::string& dns_name, bool server) {
  ASSIGN_OR_RETURN(const openssl::X509NamePtr subject, openssl::BuildName({{"CN", dns_name}}));
  openssl::RequestOptions options;
  options.extensions = {
      {"basicConstraints", "critical,CA:FALSE"},
      {"keyUsage", "critical,digitalSignature,nonRepudiation,keyEncipherment"},
      {"extendedKeyUsage", server ? "critical,clientAuth,serverAuth" : "critical,clientAuth"}};
  if (server && IsDnsName(dns_name))
    options.extensions.emplace_back("subjectAltName", absl::StrCat("DNS:", dns_name));
  ASSIGN_OR_RETURN(const openssl::X509ReqPtr request, openssl::BuildRequest(*subject, key, options));
  return openssl::FormatRequest(*request);
}

absl::StatusOr<LocalIdentity> IssueLocalIdentity(client::Client& certd, absl::string_view module_id,
                                                 const std::string& dns_name, bool server) {
  const openssl::PkeyPtr key(EVP_RSA_gen(kRsaBits));
  if (key == nullptr) return openssl::ErrorFromQueue(absl::StatusCode::kInternal, "making an RSA key");

  certificates::v1::CreateCertificateRequest request;
  request.set_cert_id(std::string(module_id));
  ASSIGN_OR_RETURN(*request.mutable_csr(), FormatLocalRequest(*key, dns_name, server));
  const absl::StatusOr<certificates::v1::Certificate> issued = certd.Call<certificates::v1::Certificate>(
      "aziot.certificates.v1.Certificates.CreateCertificate", request);
  if (!issued.ok()) return Annotate(issued.status(), "certd: could not issue a local identity");

  ASSIGN_OR_RETURN(const std::vector<openssl::X509Ptr> chain, openssl::ParseCertificates(issued->pem()));
  if (chain.empty()) return absl::InternalError("certd returned no certificate");
  LocalIdentity identity;
  ASSIGN_OR_RETURN(identity.private_key, FormatPkcs8(*key));
  identity.certificate = issued->pem();
  identity.expiration =
      absl::FormatTime("%Y-%m-%dT%H:%M:%S+00:00", openssl::NotAfter(*chain.front()), absl::UTCTimeZone());
  return identity;
}

}  // namespace aziot::identityd
