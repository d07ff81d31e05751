// OpenSSL's server side as HttpsServer needs it: certificate and key from files, TLS 1.2 or later, client
// certificates asked for and taken as they come.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/server/https_server.h"

namespace aziot::server {

struct FreeSsl {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using SslPtr = std::unique_ptr<SSL, FreeSsl>;

// kInvalidArgument, naming the file, for what is no certificate or key, or when they do not belong together.
absl::StatusOr<std::shared_ptr<SSL_CTX>> NewTlsContext(const std::string& certificate_file,
                                                       const std::string& key_file);

// After the handshake: server name and certificates of the client.
void ReadTlsPeer(SSL* ssl, TlsPeer& peer);

}  // namespace aziot::server
