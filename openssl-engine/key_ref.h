// KeyRef: the name by which a program asks for a key of keyd, or for a certificate of certd. A URI of the
// scheme `aziot` (any case):
//
//   aziot:sr=...&sig=...        a key handle as it is, nothing decoded
//   aziot:handle=<text>         the same, percent-encoded
//   aziot:key=<text>            a key ID, percent-encoded; keyd must let the process's own uid have it
//   aziot:cert=<text>           a certificate ID, percent-encoded
//
// Each may be followed by `;socket=<text>`: the percent-encoded absolute path of the daemon's socket.
// A handle is a bearer capability: it is never put into an error text.
#pragma once

#include <string>
#include <string_view>

#include "openssl-engine/result.h"

namespace aziot::openssl_engine {

struct KeyRef {
  std::string handle;  // exactly one of handle, key_id and cert_id is set
  std::string key_id;
  std::string socket_path;  // empty: the provider's own setting
  std::string cert_id;
};

// kInvalidName: not this grammar, an unknown or repeated attribute, a handle with other than printable ASCII,
// an empty name, a NUL.
Result<KeyRef> ParseKeyRef(std::string_view uri);

// The URI of `ref` in its percent-encoded form; ParseKeyRef gives `ref` back.
std::string FormatKeyRef(const KeyRef& ref);

// Everything but the unreserved characters of RFC 3986 as %XX: fit for a URI's value and for one path
// segment.
std::string PercentEncode(std::string_view text);

// Why `path` cannot be the path of a socket, or nothing. Longer paths than sun_path holds would be cut.
const char* SocketPathFault(std::string_view path);

}  // namespace aziot::openssl_engine
