#include "provisiond/api/call.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/bytes/hex.h"
#include "common/ids/utf8.h"
#include "common/openssl/digest.h"
#include "provisiond/lifecycle/fault.h"
#include "provisiond/lifecycle/hubs.h"

namespace aziot::provisiond::api {
namespace {

constexpr size_t kLongestRequestId = 128;

// What is echoed must not break the answer's header block.
bool IsPlain(absl::string_view text) {
  return !text.empty() && text.size() <= kLongestRequestId &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

}  // namespace

std::string Call::ApiVersion() const {
  const std::string* version = target.First("api-version");
  return version == nullptr ? "" : *version;
}

std::optional<std::string> Call::IfMatch() const {
  const std::string* field = headers.Find("If-Match");
  if (field == nullptr) return std::nullopt;
  absl::string_view tag = absl::StripAsciiWhitespace(*field);
  absl::ConsumePrefix(&tag, "W/");
  if (tag.size() >= 2 && tag.front() == '"' && tag.back() == '"') tag = tag.substr(1, tag.size() - 2);
  if (tag.empty()) return std::nullopt;
  return std::string(tag);
}

std::string Call::Word(size_t i) const { return i < path.size() ? absl::AsciiStrToLower(path[i]) : ""; }

std::string NewRequestId() { return FormatHex(openssl::RandomBytes(16)); }

Call ParseCall(const http::Request& request, absl::string_view peer_address, absl::string_view server_name) {
  Call call;
  call.method = request.method;
  call.target = http::ParseTarget(request.target);
  call.headers = request.headers;
  call.body = request.body;
  call.host = HostName(request.headers.Get("Host"));
  call.server_name = absl::AsciiStrToLower(server_name);
  call.peer = std::string(peer_address);
  const absl::string_view asked = request.headers.Get("Request-Id");
  call.request_id = IsPlain(asked) ? std::string(asked) : NewRequestId();

  absl::string_view path = call.target.path;
  absl::ConsumePrefix(&path, "/");
  absl::ConsumeSuffix(&path, "/");
  for (const absl::string_view segment : absl::StrSplit(path, '/')) {
    std::string decoded = http::PercentDecode(segment);
    if (decoded.empty() || decoded == "." || decoded == ".." || decoded.find('\0') != std::string::npos ||
        !IsUtf8(decoded)) {
      call.path_status = Refuse(Fault::kInvalid, "malformed path");
      break;
    }
    call.path.push_back(std::move(decoded));
  }
  if (call.path.empty()) call.path.emplace_back();
  return call;
}

}  // namespace aziot::provisiond::api
