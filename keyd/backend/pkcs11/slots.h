// Which slot holds the token that the configuration means (RFC 7512).
#pragma once

#include <p11-kit/pkcs11.h>

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "common/uri/uri.h"

namespace aziot::keyd::pkcs11 {

struct TokenInfo {
  CK_SLOT_ID slot = 0;
  std::string label, manufacturer, model, serial;  // trimmed
  CK_FLAGS flags = 0;
};

// CKR_TOKEN_NOT_PRESENT and the like when the slot is empty.
absl::StatusOr<TokenInfo> InfoOf(CK_FUNCTION_LIST& functions, CK_SLOT_ID slot);

// slot-id when the URI has one, otherwise the first initialised token whose label is `token`; manufacturer,
// model and serial must match where given. kUnavailable names the tokens that are there instead.
absl::StatusOr<TokenInfo> FindToken(CK_FUNCTION_LIST& functions, const uri::Pkcs11Uri& wanted);

// `label` or `slot N`, for messages and the lane.
std::string NameOf(const uri::Pkcs11Uri& token);

}  // namespace aziot::keyd::pkcs11
