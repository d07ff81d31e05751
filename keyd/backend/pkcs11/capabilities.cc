#include "keyd/backend/pkcs11/capabilities.h"

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"
#include "keyd/backend/memory_key.h"
#include "keyd/backend/pkcs11/aead.h"
#include "keyd/backend/pkcs11/ckr.h"

namespace aziot::keyd::pkcs11 {
namespace {

constexpr size_t kIvSizes[] = {12, 32};
constexpr size_t kAes256KeyBytes = 32;

// A failure that says something about the token's abilities, and not that it is away.
absl::Status AsInability(Session& session, const absl::Status& failure, absl::string_view doing) {
  const auto code = CkrOf(failure);
  if (code.has_value() && RemedyFor(*code) != Remedy::kNone && !(IsVague(*code) && session.Check().ok())) {
    return failure;
  }
  return absl::UnimplementedError(
      absl::StrCat("the token cannot ", doing, " (", failure.message(), "); such keys go elsewhere"));
}

absl::Status ProveHmac(Session& session, CK_OBJECT_HANDLE key, std::optional<BytesView> value) {
  const BytesView message = ToBytesView("proof");
  Mac mac;
  if (const absl::Status status = session.SignInto(CKM_SHA256_HMAC, key, message, mac); !status.ok()) {
    return AsInability(session, status, "compute HMAC-SHA256 with such a key");
  }
  if (!value.has_value()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const Mac expected, MemoryKey(Secret(*value)).Hmac(message));
  if (mac != expected) return absl::UnimplementedError("the token's HMAC-SHA256 is not the standard's");
  return absl::OkStatus();
}

absl::Status ProveAead(Session& session, CK_OBJECT_HANDLE key, std::optional<BytesView> value) {
  const Bytes text = ToBytes("proof");
  for (const size_t size : kIvSizes) {
    const Bytes iv(size, 1);
    const AeadParameters parameters{.iv = iv, .aad = ToBytesView("aad")};
    const std::string doing = absl::StrCat("do AES-GCM with an iv of ", size, " bytes");
    const auto blob = EncryptBlob(session, key, parameters, text);
    if (!blob.ok()) return AsInability(session, blob.status(), doing);
    const auto again = DecryptBlob(session, key, parameters, *blob);
    if (!again.ok()) return AsInability(session, again.status(), doing);
    if (*again != text) return absl::UnimplementedError("the token decrypts to something else");
    if (!value.has_value() || value->size() != kAes256KeyBytes) continue;
    ASSIGN_OR_RETURN(const Bytes expected, MemoryKey(Secret(*value)).Encrypt(parameters, text));
    if (*blob != expected) return absl::UnimplementedError("the token's AES-GCM is not the standard's");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Prove(Session& session, SecretKind kind, CK_OBJECT_HANDLE key, std::optional<BytesView> value) {
  return kind == SecretKind::kHmac ? ProveHmac(session, key, value) : ProveAead(session, key, value);
}

std::optional<absl::Status> Capabilities::Of(SecretKind kind) const {
  std::lock_guard lock(mutex_);
  return known_[static_cast<size_t>(kind)];
}

void Capabilities::Remember(SecretKind kind, const absl::Status& proof) {
  if (!proof.ok() && !absl::IsUnimplemented(proof)) return;
  std::lock_guard lock(mutex_);
  known_[static_cast<size_t>(kind)] = proof;
}

}  // namespace aziot::keyd::pkcs11
