// The file of a key that only its TPM can use: PEM "TSS2 PRIVATE KEY" as tpm2-openssl and tpm2-tools read and
// write it (draft-bottomley-tpm2-keys): TPMKey ::= SEQUENCE { type OID, [0] emptyAuth, …, parent, pubkey,
// privkey }.
#pragma once

#include <tss2/tss2_tpm2_types.h>

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/bytes/bytes.h"

namespace aziot::keyd::tpm2 {

struct Tss2Key {
  enum class Type { kLoadable, kSealed };
  Type type = Type::kLoadable;
  bool empty_auth = true;
  TPM2_HANDLE parent = 0;  // persistent, or a hierarchy: a primary of it made on the fly
  TPM2B_PUBLIC area{};
  TPM2B_PRIVATE wrapped{};
};

// kInvalidArgument for what is no such file. kFailedPrecondition, with the reason, for what is one, but asks
// for more than loading: a policy, a secret to import, an RSA primary.
absl::StatusOr<Tss2Key> ParseTss2Pem(absl::string_view pem);

absl::StatusOr<std::string> FormatTss2Pem(const Tss2Key& key);

}  // namespace aziot::keyd::tpm2
