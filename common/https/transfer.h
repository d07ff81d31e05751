// One attempt at one request over one libcurl handle, which keeps its connections for the next.
#pragma once

#include <curl/curl.h>

#include <atomic>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/https/client.h"
#include "common/https/client_identity.h"
#include "common/openssl/owned.h"

namespace aziot::https {

// Where root certificates come from. libcurl reads neither variable by itself.
struct Trust {
  std::string file;       // SSL_CERT_FILE, "" for the system's
  std::string directory;  // SSL_CERT_DIR, "" for the system's
  static Trust FromEnvironment();
};

class Transfer {
 public:
  // `identity` may be null; it goes with every connection of this transfer.
  static absl::StatusOr<std::unique_ptr<Transfer>> New(const Options& options, const Trust& trust,
                                                       std::shared_ptr<const ClientIdentity> identity);

  const std::shared_ptr<const ClientIdentity>& identity() const { return identity_; }

  // Any HTTP status is an answer. Failures carry their FailureKind: kUnavailable and kDeadlineExceeded
  // (network), kInternal for a connection that broke or an answer that is no HTTP, kOutOfRange for one over
  // the bound, kInvalidArgument for a request that cannot be sent, kCancelled once `cancelled` is set and
  // Wake called.
  absl::StatusOr<http::Response> Perform(const http::Request& request, absl::Duration timeout,
                                         const std::atomic<bool>& cancelled);

  // Makes Perform look at `cancelled`; any thread.
  void Wake() { curl_multi_wakeup(multi_.get()); }

 private:
  using EasyPtr = std::unique_ptr<CURL, openssl::FreeWith<curl_easy_cleanup>>;
  using MultiPtr = std::unique_ptr<CURLM, openssl::FreeWith<curl_multi_cleanup>>;

  Transfer(const Options& options, const Trust& trust, std::shared_ptr<const ClientIdentity> identity,
           MultiPtr multi, EasyPtr easy)
      : options_(options),
        trust_(trust),
        identity_(std::move(identity)),
        multi_(std::move(multi)),
        easy_(std::move(easy)) {}
  // libcurl's hook between its own settings of a connection and the handshake.
  static CURLcode UseIdentity(CURL* easy, void* context, void* self);

  void ApplyTrust();
  absl::Status ApplyProxy(const std::string& url);
  absl::StatusOr<CURLcode> Run(const std::atomic<bool>& cancelled);
  absl::Status Failure(CURLcode code, bool https) const;

  const Options& options_;
  const Trust& trust_;
  const std::shared_ptr<const ClientIdentity> identity_;
  absl::Status identity_failure_;
  MultiPtr multi_;
  EasyPtr easy_;
  char error_[CURL_ERROR_SIZE] = "";
};

}  // namespace aziot::https
