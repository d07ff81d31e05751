// A certification authority of a test's own: certificates for TLS servers, clients and devices, EC P-256, as
// PEM.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/openssl/owned.h"

namespace aziot::testing {

struct Issued {
  std::string certificate;  // PEM: the leaf, then the CAs up to the root, without it
  std::string private_key;  // PEM, PKCS#8
};

struct Validity {
  absl::Time from = absl::Now() - absl::Hours(1);
  absl::Time until = absl::Now() + absl::Hours(24);
};

// Every failure ends the process: nothing here depends on the outside.
class TestCa {
 public:
  // A root.
  explicit TestCa(absl::string_view common_name = "Test CA");

  // `names` in OpenSSL's form: "DNS:localhost", "IP:127.0.0.1".
  Issued IssueServer(absl::string_view common_name = "localhost",
                     const std::vector<std::string>& names = {"DNS:localhost", "IP:127.0.0.1"},
                     const Validity& validity = {}) const;
  Issued IssueClient(absl::string_view common_name, const Validity& validity = {}) const;
  // A certificate for another's key, as a CA makes it from a request.
  std::string IssueFor(EVP_PKEY& public_key, absl::string_view common_name,
                       const Validity& validity = {}) const;
  TestCa IssueCa(absl::string_view common_name) const;

  // PEM of the CA alone, and of the root at its top: what a verifier trusts.
  const std::string& certificate() const { return certificate_pem_; }
  const std::string& root() const { return root_pem_; }
  std::string private_key() const;

 private:
  TestCa(absl::string_view common_name, const TestCa* issuer);
  openssl::X509Ptr Issue(EVP_PKEY& key, absl::string_view common_name,
                         const std::vector<std::string>& extensions, const Validity& validity) const;

  openssl::PkeyPtr key_;
  openssl::X509Ptr certificate_;
  std::string certificate_pem_;
  std::string chain_pem_;  // this CA and those above, without the root
  std::string root_pem_;
};

struct IssuedFiles {
  std::string certificate;
  std::string private_key;  // mode 0600
};
// Writes `issued` as `<directory>/<name>.pem` and `<directory>/<name>.key.pem`, and gives the two paths.
IssuedFiles WriteIssued(const Issued& issued, absl::string_view directory, absl::string_view name);

// An EC P-256 key in memory, and its PEM.
openssl::PkeyPtr NewEcKey();
std::string FormatPrivateKey(EVP_PKEY& key);

}  // namespace aziot::testing
