#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"

namespace aziot::https {

// Whether a list as in NO_PROXY names this host: entries between commas or blanks, each a host or domain
// (itself and all below it; a leading `.` or `*.` changes nothing), an IP address, a CIDR block, or `*`;
// `:port` narrows an entry. `host` is as in a URL: an IPv6 address may stand in brackets.
bool BypassesProxy(absl::string_view no_proxy, absl::string_view host, uint16_t port);

}  // namespace aziot::https
