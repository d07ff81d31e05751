// The objects keyd makes (keys-service.md, section 10), and the lesser forms of them that a token may take
// instead.
#pragma once

#include <p11-kit/pkcs11.h>

#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "common/bytes/bytes.h"
#include "keyd/backend/algorithms.h"
#include "keyd/backend/pkcs11/session.h"
#include "keyd/backend/pkcs11/template.h"

namespace aziot::keyd::pkcs11 {

struct PairTemplates {
  CK_MECHANISM_TYPE mechanism;
  Template public_key;
  Template private_key;
};
// Without CKA_ID and CKA_LABEL.
PairTemplates TemplatesOf(KeyAlgorithm algorithm);

enum class SecretKind { kHmac, kAes };
CK_KEY_TYPE KeyTypeOf(SecretKind kind);
// Keys to generate, the best first.
struct GenerationTemplate {
  CK_MECHANISM_TYPE mechanism;
  Template key;
};
std::vector<GenerationTemplate> GenerationTemplatesOf(SecretKind kind);
// A key to import.
Template ImportTemplate(SecretKind kind, BytesView value);

// Calls `make` with `naming` and CKA_EXTRACTABLE=false, and again without the one, the other and both for as
// long as the token refuses the attributes: they are wishes.
absl::Status MakeWithWishes(
    const Template& naming,
    absl::FunctionRef<absl::Status(const Template& naming, const Template& secrecy)> make);

}  // namespace aziot::keyd::pkcs11
