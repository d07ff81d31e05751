// For an installation without certificates of its own: a root and a server certificate made on the spot, kept
// and reused, so that clients can be given the root once.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/clock/clock.h"

namespace aziot::provisiond {

struct ServerCertificate {
  std::string certificate_file;  // PEM chain
  std::string key_file;
};

// `<directory>/{root.pem,root.key,server.pem,server.key}`, keys with mode 0600. The root is made once; the
// server certificate again when `names` changed, its key is not there or another's, or it ends within 30
// days. Names that are IP addresses become IP entries.
absl::StatusOr<ServerCertificate> EnsureServerCertificate(absl::string_view directory,
                                                          const std::vector<std::string>& names,
                                                          Clock& clock);

}  // namespace aziot::provisiond
