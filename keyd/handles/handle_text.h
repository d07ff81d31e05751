// The text of a key handle, without any trust in it: `sr=<base64 payload>&sig=<base64 MAC>` and the payload's
// JSON.
#pragma once

#include <string>
#include <variant>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/bytes/bytes.h"
#include "common/ids/id.h"

namespace aziot::keyd {

struct SignedPayload {
  Bytes payload;
  Bytes mac;
};

// The last `sr` and the last `sig` count, other parts are ignored. kInvalidArgument when one is missing or
// not base64.
absl::StatusOr<SignedPayload> ParseHandle(absl::string_view text);
std::string FormatHandle(const SignedPayload& handle);

struct PairName {
  KeyId id;
  friend bool operator==(const PairName&, const PairName&) = default;
};
struct KeyName {
  KeyId id;
  friend bool operator==(const KeyName&, const KeyName&) = default;
};
struct DerivedName {
  std::string base_handle;  // complete
  Bytes data;
  friend bool operator==(const DerivedName&, const DerivedName&) = default;
};

struct HandlePayload {
  std::variant<PairName, KeyName, DerivedName> name;
  std::string nonce;  // as text; only makes handles differ
  friend bool operator==(const HandlePayload&, const HandlePayload&) = default;
};

// kInvalidArgument for anything but the three forms of keys-service.md, section 6.
absl::StatusOr<HandlePayload> ParsePayload(BytesView payload);
// Compact JSON, byte for byte what every release writes.
std::string FormatPayload(const HandlePayload& payload);

}  // namespace aziot::keyd
