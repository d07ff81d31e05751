#include "common/https/transfer.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/https/no_proxy.h"
#include "common/status/status_macros.h"

namespace aziot::https {
namespace {

constexpr size_t kMaxAnswer = size_t{4} << 20;

using UrlPtr = std::unique_ptr<CURLU, openssl::FreeWith<curl_url_cleanup>>;
using TextPtr = std::unique_ptr<char, openssl::FreeWith<curl_free>>;

// Once per process, at the first request: a daemon that never asks the cloud never sets libcurl up.
bool GlobalInit() {
  static const bool ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  return ready;
}

class HeaderList {
 public:
  HeaderList() = default;
  HeaderList(const HeaderList&) = delete;
  HeaderList& operator=(const HeaderList&) = delete;
  ~HeaderList() { curl_slist_free_all(list_); }
  void Add(const std::string& line) { list_ = curl_slist_append(list_, line.c_str()); }
  curl_slist* get() const { return list_; }

 private:
  curl_slist* list_ = nullptr;
};

struct Answer {
  http::Response response;
  size_t size = 0;
  bool too_large = false;

  bool Count(size_t more) {
    size += more;
    too_large = size > kMaxAnswer;
    return !too_large;
  }
};

size_t OnHeader(char* data, size_t, size_t size, void* user) {
  Answer& answer = *static_cast<Answer*>(user);
  if (!answer.Count(size)) return 0;
  const absl::string_view line = absl::StripAsciiWhitespace(absl::string_view(data, size));
  if (absl::StartsWith(line, "HTTP/")) {
    answer.response.headers = http::Headers();  // an interim answer came before this one
  } else if (const size_t colon = line.find(':'); colon != absl::string_view::npos) {
    answer.response.headers.Add(line.substr(0, colon), absl::StripAsciiWhitespace(line.substr(colon + 1)));
  }
  return size;
}

size_t OnBody(char* data, size_t, size_t size, void* user) {
  Answer& answer = *static_cast<Answer*>(user);
  if (!answer.Count(size)) return 0;
  answer.response.body.append(data, size);
  return size;
}

bool IsHeaderText(absl::string_view text) {
  return text.find_first_of(absl::string_view("\r\n\0", 3)) == text.npos;
}

absl::Status FillHeaders(const http::Request& request, HeaderList& list) {
  for (const auto& [name, value] : request.headers) {
    if (name.empty() || !IsHeaderText(name) || !IsHeaderText(value) || absl::StrContains(name, ':')) {
      return absl::InvalidArgumentError(absl::StrCat("header '", name, "' cannot be sent"));
    }
    list.Add(value.empty() ? absl::StrCat(name, ";") : absl::StrCat(name, ": ", value));
  }
  // libcurl would add these of its own accord.
  for (const absl::string_view name : {"Accept", "Content-Type", "Expect"}) {
    if (request.headers.Find(name) == nullptr) list.Add(absl::StrCat(name, ":"));
  }
  return absl::OkStatus();
}

void SetMethod(CURL* easy, const http::Request& request) {
  if (request.method == "HEAD") {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    return;
  }
  if (!request.body.empty() || request.method == "POST" || request.method == "PUT" ||
      request.method == "PATCH") {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.data());
  }
  curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

}  // namespace

Trust Trust::FromEnvironment() {
  const char* file = std::getenv("SSL_CERT_FILE");
  const char* directory = std::getenv("SSL_CERT_DIR");
  return {file == nullptr ? "" : file, directory == nullptr ? "" : directory};
}

absl::StatusOr<std::unique_ptr<Transfer>> Transfer::New(const Options& options, const Trust& trust,
                                                        std::shared_ptr<const ClientIdentity> identity) {
  if (!GlobalInit()) return absl::InternalError("libcurl does not start");
  MultiPtr multi(curl_multi_init());
  EasyPtr easy(curl_easy_init());
  if (multi == nullptr || easy == nullptr) return absl::ResourceExhaustedError("no memory for a request");
  return std::unique_ptr<Transfer>(
      new Transfer(options, trust, std::move(identity), std::move(multi), std::move(easy)));
}

void Transfer::ApplyTrust() {
  CURL* const easy = easy_.get();
  if (!trust_.file.empty()) {
    curl_easy_setopt(easy, CURLOPT_CAINFO, trust_.file.c_str());
    curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO, trust_.file.c_str());
  } else if (const curl_version_info_data* info = curl_version_info(CURLVERSION_NOW);
             info->cainfo != nullptr && access(info->cainfo, R_OK) != 0) {
    // libcurl refuses to connect when its built-in bundle is missing, even where the directory would do.
    curl_easy_setopt(easy, CURLOPT_CAINFO, nullptr);
    curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO, nullptr);
  }
  if (!trust_.directory.empty()) {
    curl_easy_setopt(easy, CURLOPT_CAPATH, trust_.directory.c_str());
    curl_easy_setopt(easy, CURLOPT_PROXY_CAPATH, trust_.directory.c_str());
  }
}

CURLcode Transfer::UseIdentity(CURL*, void* context, void* self) {
  Transfer& transfer = *static_cast<Transfer*>(self);
  transfer.identity_failure_ = Apply(*transfer.identity_, *static_cast<SSL_CTX*>(context));
  return transfer.identity_failure_.ok() ? CURLE_OK : CURLE_SSL_CERTPROBLEM;
}

absl::Status Transfer::ApplyProxy(const std::string& url) {
  const UrlPtr parsed(curl_url());
  char* host = nullptr;
  char* port = nullptr;
  if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK ||
      curl_url_get(parsed.get(), CURLUPART_HOST, &host, 0) != CURLUE_OK) {
    return absl::InvalidArgumentError("the request's address is no URL");
  }
  const TextPtr host_owner(host);
  uint32_t number = 0;
  if (curl_url_get(parsed.get(), CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK) {
    const TextPtr port_owner(port);
    if (!absl::SimpleAtoi(port, &number)) number = 0;
  }
  // Both are always set, else libcurl looks into the environment.
  const bool direct = BypassesProxy(options_.proxy.no_proxy, host, static_cast<uint16_t>(number));
  curl_easy_setopt(easy_.get(), CURLOPT_PROXY, direct ? "" : options_.proxy.url.c_str());
  curl_easy_setopt(easy_.get(), CURLOPT_NOPROXY, "");
  curl_easy_setopt(easy_.get(), CURLOPT_HTTPPROXYTUNNEL, 1L);
  curl_easy_setopt(easy_.get(), CURLOPT_PROXYAUTH, CURLAUTH_BASIC);
  curl_easy_setopt(easy_.get(), CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  return absl::OkStatus();
}

absl::StatusOr<http::Response> Transfer::Perform(const http::Request& request, absl::Duration timeout,
                                                 const std::atomic<bool>& cancelled) {
  CURL* const easy = easy_.get();
  curl_easy_reset(easy);  // options only; connections stay
  ApplyTrust();
  RETURN_IF_ERROR(ApplyProxy(request.target));
  HeaderList headers;
  RETURN_IF_ERROR(FillHeaders(request, headers));
  SetMethod(easy, request);

  const long milliseconds =
      std::max<int64_t>(1, absl::ToInt64Milliseconds(std::min(timeout, absl::Hours(24))));
  Answer answer;
  curl_easy_setopt(easy, CURLOPT_URL, request.target.c_str());
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(easy, CURLOPT_PROXYHEADER, nullptr);
  curl_easy_setopt(easy, CURLOPT_HEADEROPT, static_cast<long>(CURLHEADER_SEPARATE));
  curl_easy_setopt(easy, CURLOPT_USERAGENT, options_.user_agent.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl_easy_setopt(easy, CURLOPT_PROXY_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);  // a time-out need not wait for the resolver's thread
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, milliseconds);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, milliseconds);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, OnHeader);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &answer);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, OnBody);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &answer);
  if (identity_ != nullptr) {
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, UseIdentity);
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, this);
  }
  identity_failure_ = absl::OkStatus();
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error_);
  error_[0] = '\0';

  ASSIGN_OR_RETURN(const CURLcode code, Run(cancelled));
  if (!identity_failure_.ok()) return identity_failure_;
  const absl::string_view address = absl::string_view(request.target).substr(0, request.target.find('?'));
  if (answer.too_large) {
    return absl::OutOfRangeError(
        absl::StrCat(request.method, " ", address, ": the answer is larger than ", kMaxAnswer, " bytes"));
  }
  if (code != CURLE_OK) {
    const absl::Status failure = Failure(code, absl::StartsWithIgnoreCase(address, "https:"));
    return WithFailureKind(
        absl::Status(failure.code(), absl::StrCat(request.method, " ", address, ": ", failure.message())),
        FailureKindOf(failure));
  }
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  answer.response.status = static_cast<int>(status);
  return std::move(answer.response);
}

absl::StatusOr<CURLcode> Transfer::Run(const std::atomic<bool>& cancelled) {
  if (curl_multi_add_handle(multi_.get(), easy_.get()) != CURLM_OK) {
    return absl::InternalError("libcurl does not take the request");
  }
  absl::Status ended = absl::OkStatus();
  for (int running = 1; running > 0 && ended.ok();) {
    CURLMcode code = curl_multi_perform(multi_.get(), &running);
    if (code == CURLM_OK && running > 0) code = curl_multi_poll(multi_.get(), nullptr, 0, 60'000, nullptr);
    if (code != CURLM_OK) ended = absl::InternalError(curl_multi_strerror(code));
    if (cancelled) ended = absl::CancelledError("the request was cancelled");
  }
  CURLcode result = CURLE_OK;
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
    if (message->msg == CURLMSG_DONE) result = message->data.result;
  }
  curl_multi_remove_handle(multi_.get(), easy_.get());
  if (!ended.ok()) return ended;
  return result;
}

absl::Status Transfer::Failure(CURLcode code, bool https) const {
  const std::string text = absl::StrCat(error_[0] != '\0' ? error_ : curl_easy_strerror(code), " (CURLE ",
                                        static_cast<int>(code), ")");
  if (code == CURLE_OPERATION_TIMEDOUT) {
    return WithFailureKind(absl::DeadlineExceededError(text), FailureKind::kNetwork);
  }
  if (code == CURLE_URL_MALFORMAT) return absl::InvalidArgumentError(text);
  // Whether the request's own connection stood: behind a proxy and with TLS that is later than the first
  // connect.
  curl_off_t established = 0;
  long made = 0;
  curl_easy_getinfo(easy_.get(), https ? CURLINFO_APPCONNECT_TIME_T : CURLINFO_PRETRANSFER_TIME_T,
                    &established);
  curl_easy_getinfo(easy_.get(), CURLINFO_NUM_CONNECTS, &made);
  const bool certificate = code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CONNECT_ERROR ||
                           code == CURLE_SSL_CACERT_BADFILE || code == CURLE_SSL_CERTPROBLEM;
  if (certificate || (established == 0 && made > 0) || code == CURLE_COULDNT_CONNECT ||
      code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_PROXY) {
    return WithFailureKind(absl::UnavailableError(text), FailureKind::kNetwork);
  }
  return absl::InternalError(text);
}

}  // namespace aziot::https
