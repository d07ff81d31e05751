// HTTP/1.1 over TLS for provisiond: certificate and key from files, client certificates requested and never
// required. Requests run on worker threads, so a handler may block.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/bytes/bytes.h"
#include "common/http/message.h"

namespace aziot::server {

struct TlsPeer {
  std::string address;      // "127.0.0.1"
  std::string server_name;  // SNI, "" when the client sent none
  std::vector<Bytes>
      certificate_chain;  // DER, leaf first; possession of the leaf's key is proven, nothing else is
};

struct HttpsOptions {
  std::vector<std::string> listen;  // "127.0.0.1:8443", "[::1]:0"; port 0 is chosen by the kernel
  std::string certificate_file;     // PEM chain, leaf first
  std::string key_file;             // PEM
  int workers = 4;
  size_t header_bytes = 32 * 1024;
  size_t body_bytes = 10 * 1024 * 1024;
  int header_seconds = 10;
  int body_seconds = 30;
  int idle_seconds = 120;
  int connections = 10000;
  int connections_per_address = 100;  // loopback is exempt
  // Completes an answer that no handler made (400, 408, 413, 431, 500, 503): a body, fields. Any thread.
  std::function<void(http::Response&)> complete_refusal;
};

class HttpsServer {
 public:
  using Handler = std::function<http::Response(const http::Request&, const TlsPeer&)>;

  // Listens and serves at once. kInvalidArgument for bad addresses, certificates or keys.
  static absl::StatusOr<std::unique_ptr<HttpsServer>> Start(HttpsOptions options, Handler handler);
  virtual ~HttpsServer() = default;  // stops, after running handlers have ended

  // Where it listens, ports filled in.
  virtual const std::vector<std::string>& addresses() const = 0;
  // Reads certificate and key again; open connections stay.
  virtual absl::Status ReloadCertificate() = 0;
};

}  // namespace aziot::server
