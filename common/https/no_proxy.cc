#include "common/https/no_proxy.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/bytes/bytes.h"

namespace aziot::https {
namespace {

std::optional<Bytes> ParseAddress(absl::string_view text) {
  const std::string address(text);
  Bytes bytes(sizeof(in6_addr));
  if (inet_pton(AF_INET6, address.c_str(), bytes.data()) == 1) return bytes;
  bytes.resize(sizeof(in_addr));
  if (inet_pton(AF_INET, address.c_str(), bytes.data()) == 1) return bytes;
  return std::nullopt;
}

bool SamePrefix(BytesView a, BytesView b, size_t bits) {
  if (a.size() != b.size() || bits > a.size() * 8) return false;
  const size_t whole = bits / 8;
  if (!std::equal(a.begin(), a.begin() + whole, b.begin())) return false;
  return bits % 8 == 0 || (a[whole] ^ b[whole]) >> (8 - bits % 8) == 0;
}

struct HostPort {
  absl::string_view host;
  std::optional<uint16_t> port;
};

// "host", "host:port", "[v6]", "[v6]:port" or a bare v6 address; a port that is no number matches nothing.
HostPort SplitPort(absl::string_view entry) {
  HostPort result{entry, std::nullopt};
  absl::string_view port;
  if (absl::StartsWith(entry, "[")) {
    const size_t end = entry.find(']');
    if (end == absl::string_view::npos) return result;
    result.host = entry.substr(1, end - 1);
    port = entry.substr(end + 1);
    if (port.empty()) return result;
    absl::ConsumePrefix(&port, ":");
  } else {
    const size_t colon = entry.find(':');
    if (colon == absl::string_view::npos || entry.find(':', colon + 1) != absl::string_view::npos)
      return result;
    result.host = entry.substr(0, colon);
    port = entry.substr(colon + 1);
  }
  uint32_t number = 0;
  result.port = absl::SimpleAtoi(port, &number) && number <= UINT16_MAX ? static_cast<uint16_t>(number) : 0;
  return result;
}

bool Matches(absl::string_view entry, absl::string_view host, const std::optional<Bytes>& address,
             uint16_t port) {
  HostPort wanted = SplitPort(entry);
  if (wanted.port.has_value() && *wanted.port != port) return false;
  if (wanted.host == "*") return true;
  if (address.has_value()) {
    const std::pair<absl::string_view, absl::string_view> block =
        absl::StrSplit(wanted.host, absl::MaxSplits('/', 1));
    const std::optional<Bytes> other = ParseAddress(block.first);
    if (!other.has_value()) return false;
    uint32_t bits = static_cast<uint32_t>(other->size() * 8);
    if (!block.second.empty() && !absl::SimpleAtoi(block.second, &bits)) return false;
    return SamePrefix(*address, *other, bits);
  }
  absl::ConsumePrefix(&wanted.host, "*");
  absl::ConsumePrefix(&wanted.host, ".");
  absl::ConsumeSuffix(&wanted.host, ".");
  if (wanted.host.empty() || !absl::EndsWithIgnoreCase(host, wanted.host)) return false;
  return host.size() == wanted.host.size() || host[host.size() - wanted.host.size() - 1] == '.';
}

}  // namespace

bool BypassesProxy(absl::string_view no_proxy, absl::string_view host, uint16_t port) {
  if (absl::ConsumePrefix(&host, "[")) absl::ConsumeSuffix(&host, "]");
  absl::ConsumeSuffix(&host, ".");
  const std::optional<Bytes> address = ParseAddress(host);
  for (const absl::string_view entry : absl::StrSplit(no_proxy, absl::ByAnyChar(", \t"), absl::SkipEmpty())) {
    if (Matches(entry, host, address, port)) return true;
  }
  return false;
}

}  // namespace aziot::https
