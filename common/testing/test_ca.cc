#include "common/testing/test_ca.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/files/files.h"

namespace aziot::testing {
namespace {

using openssl::BioPtr;
using openssl::PkeyPtr;
using openssl::X509ExtensionPtr;
using openssl::X509Ptr;

void Require(bool condition) {
  if (condition) return;
  ERR_print_errors_fp(stderr);
  std::abort();
}

std::string TextOf(BIO& bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(&bio, &data);
  return std::string(data, static_cast<size_t>(size));
}

std::string FormatPem(X509& certificate) {
  const BioPtr out(BIO_new(BIO_s_mem()));
  Require(PEM_write_bio_X509(out.get(), &certificate) == 1);
  return TextOf(*out);
}

void SetSerial(X509& certificate) {
  uint8_t bytes[8];
  Require(RAND_bytes(bytes, sizeof(bytes)) == 1);
  bytes[0] = (bytes[0] & 0x3f) | 0x40;  // positive, and never shorter
  const openssl::BignumPtr number(BN_bin2bn(bytes, sizeof(bytes), nullptr));
  Require(BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(&certificate)) != nullptr);
}

X509Ptr Unsigned(EVP_PKEY& key, absl::string_view common_name, const Validity& validity) {
  X509Ptr certificate(X509_new());
  Require(certificate != nullptr && X509_set_version(certificate.get(), X509_VERSION_3) == 1);
  SetSerial(*certificate);
  ASN1_TIME_set(X509_getm_notBefore(certificate.get()), absl::ToTimeT(validity.from));
  ASN1_TIME_set(X509_getm_notAfter(certificate.get()), absl::ToTimeT(validity.until));
  Require(X509_NAME_add_entry_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, MBSTRING_UTF8,
                                     reinterpret_cast<const uint8_t*>(common_name.data()),
                                     static_cast<int>(common_name.size()), -1, 0) == 1);
  Require(X509_set_pubkey(certificate.get(), &key) == 1);
  return certificate;
}

// Extensions as "name=value" in OpenSSL's syntax.
void SignWith(X509& certificate, X509& issuer, EVP_PKEY& issuer_key,
              const std::vector<std::string>& extensions) {
  Require(X509_set_issuer_name(&certificate, X509_get_subject_name(&issuer)) == 1);
  X509V3_CTX context;
  X509V3_set_ctx(&context, &issuer, &certificate, nullptr, nullptr, 0);
  X509V3_set_ctx_nodb(&context);
  for (const std::string& text : extensions) {
    const size_t equals = text.find('=');
    const X509ExtensionPtr extension(
        X509V3_EXT_nconf(nullptr, &context, text.substr(0, equals).c_str(), text.substr(equals + 1).c_str()));
    Require(extension != nullptr && X509_add_ext(&certificate, extension.get(), -1) == 1);
  }
  Require(X509_sign(&certificate, &issuer_key, EVP_sha256()) > 0);
}

}  // namespace

PkeyPtr NewEcKey() {
  PkeyPtr key(EVP_EC_gen("P-256"));
  Require(key != nullptr);
  return key;
}

std::string FormatPrivateKey(EVP_PKEY& key) {
  const BioPtr out(BIO_new(BIO_s_mem()));
  Require(PEM_write_bio_PKCS8PrivateKey(out.get(), &key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
  return TextOf(*out);
}

TestCa::TestCa(absl::string_view common_name) : TestCa(common_name, nullptr) {}

TestCa::TestCa(absl::string_view common_name, const TestCa* issuer) : key_(NewEcKey()) {
  const std::vector<std::string> extensions = {"basicConstraints=critical,CA:TRUE",
                                               "keyUsage=critical,keyCertSign,cRLSign",
                                               "subjectKeyIdentifier=hash"};
  if (issuer == nullptr) {
    certificate_ = Unsigned(*key_, common_name, {});
    SignWith(*certificate_, *certificate_, *key_, extensions);
    root_pem_ = FormatPem(*certificate_);
  } else {
    certificate_ = issuer->Issue(*key_, common_name, extensions, {});
    root_pem_ = issuer->root_pem_;
    chain_pem_ = FormatPem(*certificate_) + issuer->chain_pem_;
  }
  certificate_pem_ = FormatPem(*certificate_);
}

TestCa TestCa::IssueCa(absl::string_view common_name) const { return TestCa(common_name, this); }

std::string TestCa::private_key() const { return FormatPrivateKey(*key_); }

X509Ptr TestCa::Issue(EVP_PKEY& key, absl::string_view common_name,
                      const std::vector<std::string>& extensions, const Validity& validity) const {
  X509Ptr certificate = Unsigned(key, common_name, validity);
  std::vector<std::string> all = extensions;
  all.push_back("authorityKeyIdentifier=keyid");
  SignWith(*certificate, *certificate_, *key_, all);
  return certificate;
}

Issued TestCa::IssueServer(absl::string_view common_name, const std::vector<std::string>& names,
                           const Validity& validity) const {
  const PkeyPtr key = NewEcKey();
  std::vector<std::string> extensions = {"basicConstraints=critical,CA:FALSE",
                                         "keyUsage=critical,digitalSignature", "extendedKeyUsage=serverAuth"};
  if (!names.empty()) extensions.push_back(absl::StrCat("subjectAltName=", absl::StrJoin(names, ",")));
  const X509Ptr certificate = Issue(*key, common_name, extensions, validity);
  return {FormatPem(*certificate) + chain_pem_, FormatPrivateKey(*key)};
}

Issued TestCa::IssueClient(absl::string_view common_name, const Validity& validity) const {
  const PkeyPtr key = NewEcKey();
  return {IssueFor(*key, common_name, validity), FormatPrivateKey(*key)};
}

std::string TestCa::IssueFor(EVP_PKEY& public_key, absl::string_view common_name,
                             const Validity& validity) const {
  const X509Ptr certificate = Issue(public_key, common_name,
                                    {"basicConstraints=critical,CA:FALSE",
                                     "keyUsage=critical,digitalSignature", "extendedKeyUsage=clientAuth"},
                                    validity);
  return FormatPem(*certificate) + chain_pem_;
}

IssuedFiles WriteIssued(const Issued& issued, absl::string_view directory, absl::string_view name) {
  const IssuedFiles paths{absl::StrCat(directory, "/", name, ".pem"),
                          absl::StrCat(directory, "/", name, ".key.pem")};
  Require(files::Replace(paths.certificate, issued.certificate, 0644).ok());
  Require(files::Replace(paths.private_key, issued.private_key, 0600).ok());
  return paths;
}

}  // namespace aziot::testing
