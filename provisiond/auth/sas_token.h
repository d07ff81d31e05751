// Shared access signatures as devices and services send them. The MAC covers the literal text of `sr`, in
// whatever dialect the client escapes; only after a key has matched is the text decoded and compared with
// what was asked for.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/bytes/bytes.h"

namespace aziot::provisiond::auth {

struct SasToken {
  std::string resource;     // literal `sr`, still escaped
  std::string expiry_text;  // literal `se`
  int64_t expiry = 0;       // Unix seconds
  Bytes signature;
  std::string key_name;  // `skn`, decoded; "" when absent
};

// An Authorization value: `SharedAccessSignature sr=…&sig=…&se=…[&skn=…]`, fields in any order, unknown ones
// ignored. kUnauthenticated for anything else.
absl::StatusOr<SasToken> ParseSasToken(absl::string_view authorization);

// kUnauthenticated when the token expired more than 300 s ago or lives longer than `longest`.
absl::Status CheckExpiry(const SasToken& token, absl::Time now, absl::Duration longest);

// Whether `key` made the signature; constant time.
bool SignedBy(const SasToken& token, BytesView key);
// Whether one of both did; the time does not tell which.
bool SignedByEither(const SasToken& token, BytesView primary, BytesView secondary);

enum class Scope { kExact, kPrefix };

// Whether the token's resource is `segments` (host or scope first), or a prefix of it, segment by segment:
// letters' case and a port of the first segment do not count, escaped segments are accepted once or twice
// escaped.
bool Covers(const SasToken& token, const std::vector<std::string>& segments, Scope scope);

}  // namespace aziot::provisiond::auth
