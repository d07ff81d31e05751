// Symmetric device keys: their sizes, new ones, and those derived from a group's key for one registration id.
#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/bytes/secret.h"

namespace aziot::provisiond {

struct KeyPair {
  Secret primary;
  Secret secondary;
};

constexpr size_t kEnrollmentKeySize = 64;
constexpr size_t kHubKeySize = 32;

KeyPair NewKeyPair(size_t size);

// Strict base64 of 16 to 64 bytes. kInvalidArgument otherwise; the message never repeats the text.
absl::StatusOr<Secret> ParseKey(absl::string_view base64);

// HMAC-SHA256(group key, registration id).
Secret DeriveDeviceKey(const Secret& group_key, absl::string_view registration_id);

}  // namespace aziot::provisiond
