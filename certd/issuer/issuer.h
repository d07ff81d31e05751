// A way to get a certificate for a signing request. One implementation a folder, listed in issuers.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "certd/issuer/signing_keys.h"
#include "common/clock/clock.h"
#include "common/ids/id.h"
#include "common/openssl/owned.h"

namespace aziot::certd {

// `[cert_issuance.<id>]` in values.
struct IssuanceEntry {
  std::string method;
  int64_t expiry_days = 30;
  // Replaces the request's subject: attributes in the order they are encoded.
  std::optional<std::vector<std::pair<std::string, std::string>>> subject;
};

struct LocalCaIds {
  CertId certificate;
  KeyId key;
};

struct IssueRequest {
  const CertId& id;
  X509_REQ& csr;  // its signature was verified
  const IssuanceEntry& entry;
};

// Where an issuer reads certificates: certd's store, or a test's map.
class CertificateSource {
 public:
  virtual ~CertificateSource() = default;
  // PEM; kNotFound.
  virtual absl::StatusOr<std::string> Get(const CertId& id) const = 0;
};

// What issuers are made of; each outlives them.
struct IssuerParts {
  const CertificateSource& certificates;
  SigningKeys& keys;
  Clock& clock;
  std::optional<LocalCaIds> local_ca;
};

class Issuer {
 public:
  virtual ~Issuer() = default;
  // The certificate as PEM, leaf first, then its chain. kFailedPrecondition: the configuration or the request
  // cannot give a certificate, with a text for the caller; any other code is a failure of ours. May take as
  // long as keyd does.
  virtual absl::StatusOr<std::string> Issue(const IssueRequest& request) = 0;
};

}  // namespace aziot::certd
