// Local identities: a fresh key and a certificate from certd, for use between programs of this host's domain.
// Nothing is kept here.
#pragma once

#include <openssl/types.h>

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/client/client.h"

namespace aziot::identityd {

struct LocalIdentity {
  std::string private_key;  // PKCS#8 PEM
  std::string certificate;  // PEM chain, leaf first
  std::string expiration;   // of the leaf, RFC 3339 with +00:00
};

// The certificate request (PEM) of `key`. `dns_name` (`<module>.<host>.<domain>`) becomes the CN, cut to 64
// characters; a server's also carries it whole as a DNS name, if it is one.
absl::StatusOr<std::string> FormatLocalRequest(EVP_PKEY& key, const std::string& dns_name, bool server);

// certd must allow identityd the certificate id `module_id`.
absl::StatusOr<LocalIdentity> IssueLocalIdentity(client::Client& certd, absl::string_view module_id,
                                                 const std::string& dns_name, bool server);

}  // namespace aziot::identityd
