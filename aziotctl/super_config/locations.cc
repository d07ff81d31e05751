#include "aziotctl/super_config/locations.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/status/status_macros.h"
#include "common/uri/uri.h"

namespace aziot::ctl {
namespace {

constexpr uint32_t kHighestPort = 65535;

bool IsPort(absl::string_view text) {
  uint32_t port = 0;
  return absl::SimpleAtoi(text, &port) && port <= kHighestPort &&
         text.find_first_not_of("0123456789") == absl::string_view::npos;
}

}  // namespace

absl::Status BadOption(absl::string_view option, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(option, ": ", what));
}

absl::StatusOr<std::string> KeyLocation(absl::string_view option, absl::string_view text) {
  const absl::StatusOr<uri::Uri> parsed = uri::Parse(text);
  if (!parsed.ok()) return BadOption(option, parsed.status().message());
  return uri::Format(*parsed);
}

absl::StatusOr<std::string> FileLocation(absl::string_view option, absl::string_view text) {
  const absl::StatusOr<uri::FileUri> parsed = uri::ParseFile(text);
  if (!parsed.ok()) return BadOption(option, parsed.status().message());
  return uri::Format(*parsed);
}

absl::StatusOr<std::string> NormalUrl(absl::string_view option, absl::string_view text) {
  const size_t colon = text.find("://");
  const std::string scheme = absl::AsciiStrToLower(text.substr(0, colon));
  if (colon == absl::string_view::npos || (scheme != "https" && scheme != "http")) {
    return BadOption(option, "expected https://host/ (or http://host/)");
  }
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= ' ') return BadOption(option, "no spaces may be in a URL");
  }
  const absl::string_view rest = text.substr(colon + 3);
  const size_t end = std::min(rest.find_first_of("/?#"), rest.size());
  const absl::string_view authority = rest.substr(0, end);
  const size_t at = authority.rfind('@');
  const absl::string_view user =
      at == absl::string_view::npos ? absl::string_view() : authority.substr(0, at + 1);
  std::string host = absl::AsciiStrToLower(authority.substr(user.size()));
  std::string port;
  if (const size_t mark = host.rfind(':');
      mark != std::string::npos && host.find(']', mark) == std::string::npos) {
    port = host.substr(mark + 1);
    host.resize(mark);
    if (!IsPort(port) && !port.empty()) return BadOption(option, "the port is no number up to 65535");
  }
  if (host.empty()) return BadOption(option, "names no host");
  if (!port.empty() && port != (scheme == "https" ? "443" : "80")) absl::StrAppend(&host, ":", port);
  const absl::string_view path = rest.substr(end);
  return absl::StrCat(scheme, "://", user, host, absl::StartsWith(path, "/") ? "" : "/", path);
}

absl::Status CheckRenewalPolicy(absl::string_view option, absl::string_view text) {
  uint32_t number = 0;
  absl::string_view digits = text;
  const bool percent = absl::ConsumeSuffix(&digits, "%");
  const bool known = percent || absl::ConsumeSuffix(&digits, "min") || absl::ConsumeSuffix(&digits, "day");
  if (known && absl::SimpleAtoi(digits, &number) && number > 0 && (!percent || number < 100) &&
      digits.find_first_not_of("0123456789") == absl::string_view::npos) {
    return absl::OkStatus();
  }
  return BadOption(option, "expected \"<1 to 99>%\", \"<n>min\" or \"<n>day\"");
}

}  // namespace aziot::ctl
