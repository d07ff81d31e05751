#include "provisiond/ca/server_certificate.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/bytes/secret.h"
#include "common/files/files.h"
#include "common/log/log.h"
#include "common/openssl/certificate.h"
#include "common/openssl/digest.h"
#include "common/openssl/error_queue.h"
#include "common/openssl/owned.h"
#include "common/status/status_macros.h"

namespace aziot::provisiond {
namespace {

constexpr absl::Duration kRootLife = absl::Hours(24 * 3650);
constexpr absl::Duration kServerLife = absl::Hours(24 * 365);
constexpr absl::Duration kRenewBefore = absl::Hours(24 * 30);

absl::Status Failed(absl::string_view doing) {
  return openssl::ErrorFromQueue(absl::StatusCode::kInternal, doing);
}

struct Extension {
  int nid;
  std::string value;
};

absl::Status AddExtensions(X509* certificate, X509* issuer, const std::vector<Extension>& extensions) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  for (const Extension& entry : extensions) {
    const openssl::X509ExtensionPtr extension(
        X509V3_EXT_nconf_nid(nullptr, &context, entry.nid, entry.value.c_str()));
    if (extension == nullptr || X509_add_ext(certificate, extension.get(), -1) != 1) {
      return Failed(absl::StrCat("certificate extension ", entry.value));
    }
  }
  return absl::OkStatus();
}

struct Subject {
  std::string common_name;
  absl::Duration life;
  std::vector<Extension> extensions;
};

// `issuer` null: self-signed.
absl::StatusOr<openssl::X509Ptr> Issue(const Subject& subject, EVP_PKEY* key, X509* issuer,
                                       EVP_PKEY* issuer_key, absl::Time now) {
  openssl::X509Ptr certificate(X509_new());
  ASSIGN_OR_RETURN(const openssl::X509NamePtr name, openssl::BuildName({{"CN", subject.common_name}}));
  Bytes serial = openssl::RandomBytes(16);
  serial[0] &= 0x7f;
  const openssl::BignumPtr number(BN_bin2bn(serial.data(), static_cast<int>(serial.size()), nullptr));
  const X509_NAME* issuer_name = issuer == nullptr ? name.get() : X509_get_subject_name(issuer);
  if (certificate == nullptr || X509_set_version(certificate.get(), 2) != 1 ||
      BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate.get())) == nullptr ||
      X509_set_subject_name(certificate.get(), name.get()) != 1 ||
      X509_set_issuer_name(certificate.get(), issuer_name) != 1 ||
      ASN1_TIME_set(X509_getm_notBefore(certificate.get()), absl::ToTimeT(now - absl::Hours(1))) == nullptr ||
      ASN1_TIME_set(X509_getm_notAfter(certificate.get()), absl::ToTimeT(now + subject.life)) == nullptr ||
      X509_set_pubkey(certificate.get(), key) != 1) {
    return Failed("building a certificate");
  }
  RETURN_IF_ERROR(
      AddExtensions(certificate.get(), issuer == nullptr ? certificate.get() : issuer, subject.extensions));
  if (X509_sign(certificate.get(), issuer_key, EVP_sha256()) == 0) return Failed("signing a certificate");
  return certificate;
}

absl::Status WriteKey(const std::string& path, EVP_PKEY* key) {
  const openssl::BioPtr out(BIO_new(BIO_s_secmem()));
  if (PEM_write_bio_PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return Failed("writing a key");
  }
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return files::Replace(path, absl::string_view(data, static_cast<size_t>(size)), 0600);
}

struct Root {
  openssl::X509Ptr certificate;
  openssl::PkeyPtr key;
};

absl::StatusOr<Root> EnsureRoot(const std::string& pem_file, const std::string& key_file, absl::Time now) {
  Root root;
  if (files::Exists(pem_file) && files::Exists(key_file)) {
    ASSIGN_OR_RETURN(const std::string pem, files::Read(pem_file));
    ASSIGN_OR_RETURN(std::vector<openssl::X509Ptr> certificates, openssl::ParseCertificates(pem));
    if (certificates.empty())
      return absl::FailedPreconditionError(absl::StrCat(pem_file, " holds no certificate"));
    root.certificate = std::move(certificates.front());
    ASSIGN_OR_RETURN(const Secret key, files::ReadSecret(key_file));
    ASSIGN_OR_RETURN(root.key, openssl::ParsePrivateKey(key.ExposeText()));
    return root;
  }
  root.key.reset(EVP_EC_gen("P-256"));
  if (root.key == nullptr) return Failed("making a key");
  const Subject subject{"provisiond root",
                        kRootLife,
                        {{NID_basic_constraints, "critical,CA:TRUE"},
                         {NID_key_usage, "critical,keyCertSign,cRLSign"},
                         {NID_subject_key_identifier, "hash"}}};
  ASSIGN_OR_RETURN(root.certificate, Issue(subject, root.key.get(), nullptr, root.key.get(), now));
  RETURN_IF_ERROR(WriteKey(key_file, root.key.get()));
  RETURN_IF_ERROR(files::Replace(pem_file, openssl::FormatCertificate(*root.certificate), 0644));
  log::Info("made the root certificate {}", pem_file);
  return root;
}

bool CoversNames(X509* certificate, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (X509_check_host(certificate, name.data(), name.size(), 0, nullptr) != 1 &&
        X509_check_ip_asc(certificate, name.c_str(), 0) != 1) {
      return false;
    }
  }
  return true;
}

bool IsCurrent(const ServerCertificate& files, X509* root, const std::vector<std::string>& names,
               absl::Time now) {
  const auto pem = files::Read(files.certificate_file);
  const auto key_pem = files::ReadSecret(files.key_file);
  if (!pem.ok() || !key_pem.ok()) return false;
  const auto certificates = openssl::ParseCertificates(*pem);
  const auto key = openssl::ParsePrivateKey(key_pem->ExposeText());
  if (!certificates.ok() || certificates->empty() || !key.ok()) return false;
  X509* leaf = certificates->front().get();
  // The two files are written one after the other: a crash in between leaves a pair that does not fit.
  return X509_check_private_key(leaf, key->get()) == 1 && X509_verify(leaf, X509_get0_pubkey(root)) == 1 &&
         CoversNames(leaf, names) && openssl::NotAfter(*leaf) - kRenewBefore > now;
}

bool IsAddress(const std::string& name) {
  ASN1_OCTET_STRING* address = a2i_IPADDRESS(name.c_str());
  ASN1_OCTET_STRING_free(address);
  return address != nullptr;
}

}  // namespace

absl::StatusOr<ServerCertificate> EnsureServerCertificate(absl::string_view directory,
                                                          const std::vector<std::string>& names,
                                                          Clock& clock) {
  const std::string base(directory);
  // Clients are given the root from here, so the directory is open; keys are not.
  RETURN_IF_ERROR(files::MakeDirectory(base, 0755));
  const absl::Time now = clock.Now();
  ASSIGN_OR_RETURN(const Root root, EnsureRoot(base + "/root.pem", base + "/root.key", now));
  const ServerCertificate out{base + "/server.pem", base + "/server.key"};
  if (IsCurrent(out, root.certificate.get(), names, now)) return out;

  const openssl::PkeyPtr key(EVP_EC_gen("P-256"));
  if (key == nullptr) return Failed("making a key");
  std::vector<std::string> entries;
  for (const std::string& name : names)
    entries.push_back(absl::StrCat(IsAddress(name) ? "IP:" : "DNS:", name));
  const Subject subject{names.front(),
                        kServerLife,
                        {{NID_basic_constraints, "critical,CA:FALSE"},
                         {NID_key_usage, "critical,digitalSignature"},
                         {NID_ext_key_usage, "serverAuth"},
                         {NID_subject_key_identifier, "hash"},
                         {NID_authority_key_identifier, "keyid"},
                         {NID_subject_alt_name, absl::StrJoin(entries, ",")}}};
  ASSIGN_OR_RETURN(const openssl::X509Ptr certificate,
                   Issue(subject, key.get(), root.certificate.get(), root.key.get(), now));
  RETURN_IF_ERROR(WriteKey(out.key_file, key.get()));
  RETURN_IF_ERROR(files::Replace(
      out.certificate_file,
      absl::StrCat(openssl::FormatCertificate(*certificate), openssl::FormatCertificate(*root.certificate)),
      0644));
  log::Info("made the server certificate {} for {}", out.certificate_file, absl::StrJoin(names, ", "));
  return out;
}

}  // namespace aziot::provisiond
