#include <curl/curl.h>

#include <cstdlib>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/https/client.h"
#include "common/openssl/owned.h"

namespace aziot::https {
namespace {

using UrlPtr = std::unique_ptr<CURLU, openssl::FreeWith<curl_url_cleanup>>;

// An empty variable is as good as none: it is how an environment file switches one off.
std::string FirstSet(const char* name, const char* other) {
  for (const char* variable : {name, other}) {
    const char* value = std::getenv(variable);
    if (value != nullptr && *value != '\0') return value;
  }
  return "";
}

}  // namespace

absl::StatusOr<ProxySettings> ProxySettings::FromEnvironment() {
  ProxySettings settings{FirstSet("HTTPS_PROXY", "https_proxy"), FirstSet("NO_PROXY", "no_proxy")};
  if (settings.url.empty()) return settings;
  if (!absl::StrContains(settings.url, "://")) settings.url = absl::StrCat("http://", settings.url);
  const bool known = absl::StartsWithIgnoreCase(settings.url, "http://") ||
                     absl::StartsWithIgnoreCase(settings.url, "https://");
  const UrlPtr url(curl_url());
  if (!known || curl_url_set(url.get(), CURLUPART_URL, settings.url.c_str(), 0) != CURLUE_OK) {
    // Without the value: it may hold a password.
    return absl::InvalidArgumentError("HTTPS_PROXY must be an http:// or https:// URL");
  }
  return settings;
}

std::string ProxySettings::Redacted() const {
  const size_t scheme = url.find("://");
  const size_t start = scheme == std::string::npos ? 0 : scheme + 3;
  const size_t end = std::min(url.find_first_of("/?#", start), url.size());
  const size_t at = url.rfind('@', end);
  const size_t colon = url.find(':', start);
  if (at == std::string::npos || at < start || colon == std::string::npos || colon > at) return url;
  return absl::StrCat(url.substr(0, colon + 1), "******", url.substr(at));
}

}  // namespace aziot::https
