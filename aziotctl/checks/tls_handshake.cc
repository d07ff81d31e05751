#include "aziotctl/checks/tls_handshake.h"

#include <curl/curl.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "common/https/transfer.h"
#include "common/openssl/owned.h"

namespace aziot::ctl {

absl::Status TryTlsHandshake(const TlsPeer& peer, absl::Duration timeout) {
  static const bool ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  const std::unique_ptr<CURL, openssl::FreeWith<curl_easy_cleanup>> owner(curl_easy_init());
  CURL* const easy = owner.get();
  if (!ready || easy == nullptr) return absl::UnavailableError("libcurl does not start");
  const std::string url = absl::StrCat("https://", peer.host, ":", peer.port, "/");
  char why[CURL_ERROR_SIZE] = {};
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, why);
  curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
  curl_easy_setopt(easy, CURLOPT_PROXY, peer.proxy.c_str());  // "" keeps the environment's proxy out
  curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
  curl_easy_setopt(easy, CURLOPT_SSL_ENABLE_ALPN, 0L);  // AMQP and MQTT servers need not know HTTP's names
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(absl::ToInt64Milliseconds(timeout)));
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(absl::ToInt64Milliseconds(timeout)));
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  const https::Trust trust = https::Trust::FromEnvironment();
  if (!trust.file.empty()) {
    curl_easy_setopt(easy, CURLOPT_CAINFO, trust.file.c_str());
    curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO, trust.file.c_str());
  }
  if (!trust.directory.empty()) {
    curl_easy_setopt(easy, CURLOPT_CAPATH, trust.directory.c_str());
    curl_easy_setopt(easy, CURLOPT_PROXY_CAPATH, trust.directory.c_str());
  }
  const CURLcode code = curl_easy_perform(easy);
  if (code == CURLE_OK) return absl::OkStatus();
  const std::string text = why[0] != '\0' ? why : curl_easy_strerror(code);
  if (code == CURLE_OPERATION_TIMEDOUT) return absl::DeadlineExceededError(text);
  return absl::UnavailableError(text);
}

}  // namespace aziot::ctl
