// A TLS handshake with a server of the cloud, and nothing after it.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace aziot::ctl {

struct TlsPeer {
  std::string host;
  uint16_t port = 443;
  std::string proxy;  // URL, "" for none
};

// Connects, verifies the server's certificate and name against the trust that the daemons use, and closes.
// kDeadlineExceeded after `timeout`, kUnavailable otherwise; the text names the reason.
absl::Status TryTlsHandshake(const TlsPeer& peer, absl::Duration timeout);

}  // namespace aziot::ctl
