#include "provisiond/lifecycle/device_credentials.h"

#include "absl/strings/str_cat.h"
#include "common/openssl/digest.h"
#include "common/status/status_macros.h"

namespace aziot::provisiond {
namespace {

void Fill(const store::Vault& vault, const store::Place& place, const std::optional<Secret>& wanted,
          size_t size, Bytes& sealed) {
  if (wanted) {
    sealed = vault.Seal(place, *wanted);
  } else if (sealed.empty()) {
    sealed = vault.Seal(place, openssl::RandomSecret(size));
  }
}

}  // namespace

absl::StatusOr<KeyPair> OpenCredential(const store::Vault& vault, absl::string_view owner,
                                       const Bytes& primary_enc, const Bytes& secondary_enc) {
  KeyPair keys;
  ASSIGN_OR_RETURN(keys.primary,
                   vault.Open({"credential", "secret_enc", absl::StrCat(owner, "/primary")}, primary_enc));
  ASSIGN_OR_RETURN(keys.secondary, vault.Open({"credential", "secret_enc", absl::StrCat(owner, "/secondary")},
                                              secondary_enc));
  return keys;
}

void SealCredential(const store::Vault& vault, absl::string_view owner, const KeyPair& keys,
                    Bytes& primary_enc, Bytes& secondary_enc) {
  primary_enc = vault.Seal({"credential", "secret_enc", absl::StrCat(owner, "/primary")}, keys.primary);
  secondary_enc = vault.Seal({"credential", "secret_enc", absl::StrCat(owner, "/secondary")}, keys.secondary);
}

void FillCredential(const store::Vault& vault, absl::string_view owner, const WantedKeys& wanted,
                    Bytes& primary_enc, Bytes& secondary_enc) {
  Fill(vault, {"credential", "secret_enc", absl::StrCat(owner, "/primary")}, wanted.primary, kHubKeySize,
       primary_enc);
  Fill(vault, {"credential", "secret_enc", absl::StrCat(owner, "/secondary")}, wanted.secondary, kHubKeySize,
       secondary_enc);
}

absl::StatusOr<KeyPair> OpenEnrollmentKeys(const store::Vault& vault, store::EnrollmentKind kind,
                                           const store::Enrollment& entry) {
  KeyPair keys;
  ASSIGN_OR_RETURN(keys.primary, vault.Open({TableOf(kind), "primary_enc", entry.id}, entry.primary_enc));
  ASSIGN_OR_RETURN(keys.secondary,
                   vault.Open({TableOf(kind), "secondary_enc", entry.id}, entry.secondary_enc));
  return keys;
}

void FillEnrollmentKeys(const store::Vault& vault, store::EnrollmentKind kind, const WantedKeys& wanted,
                        store::Enrollment& entry) {
  Fill(vault, {TableOf(kind), "primary_enc", entry.id}, wanted.primary, kEnrollmentKeySize,
       entry.primary_enc);
  Fill(vault, {TableOf(kind), "secondary_enc", entry.id}, wanted.secondary, kEnrollmentKeySize,
       entry.secondary_enc);
}

}  // namespace aziot::provisiond
