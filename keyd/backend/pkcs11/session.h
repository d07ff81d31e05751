// One session with a token: Cryptoki's calls with results instead of out-parameters. Each failure is a status
// that names the function and the CKR code (ckr.h).
#pragma once

#include <p11-kit/pkcs11.h>

#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "common/bytes/bytes.h"
#include "keyd/backend/pkcs11/template.h"

namespace aziot::keyd::pkcs11 {

// Does not own the session: Sessions does, and gives one to one caller at a time.
class Session {
 public:
  Session(CK_FUNCTION_LIST& functions, CK_SLOT_ID slot, CK_SESSION_HANDLE handle)
      : functions_(&functions), slot_(slot), handle_(handle) {}
  CK_SESSION_HANDLE handle() const { return handle_; }

  // All objects that match.
  absl::StatusOr<std::vector<CK_OBJECT_HANDLE>> Find(const Template& wanted);
  // Empty when the object has no such attribute, or does not show it.
  absl::StatusOr<Bytes> Attribute(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type);
  // The same for a CK_ULONG that every such object has.
  absl::StatusOr<CK_ULONG> NumberAttribute(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type);
  absl::Status SetAttributes(CK_OBJECT_HANDLE object, const Template& values);
  absl::StatusOr<CK_OBJECT_HANDLE> Create(const Template& object);
  // OK when it is gone already.
  absl::Status Destroy(CK_OBJECT_HANDLE object);

  absl::StatusOr<CK_OBJECT_HANDLE> GenerateKey(CK_MECHANISM_TYPE mechanism, const Template& key);
  absl::Status GenerateKeyPair(CK_MECHANISM_TYPE mechanism, const Template& public_key,
                               const Template& private_key);

  absl::StatusOr<Bytes> Sign(CK_MECHANISM_TYPE mechanism, CK_OBJECT_HANDLE key, BytesView data);
  // Into `out`, which has exactly the length of the signature.
  absl::Status SignInto(CK_MECHANISM_TYPE mechanism, CK_OBJECT_HANDLE key, BytesView data,
                        std::span<uint8_t> out);
  absl::StatusOr<Bytes> Encrypt(CK_MECHANISM mechanism, CK_OBJECT_HANDLE key, BytesView text);
  absl::StatusOr<Bytes> Decrypt(CK_MECHANISM mechanism, CK_OBJECT_HANDLE key, BytesView text);

  // Whether the session still lives.
  absl::Status Check();
  // The longest key of `mechanism`, in the mechanism's own unit; kUnimplemented when the token has none.
  absl::StatusOr<CK_ULONG> LongestKey(CK_MECHANISM_TYPE mechanism);

 private:
  CK_FUNCTION_LIST* functions_;
  CK_SLOT_ID slot_;
  CK_SESSION_HANDLE handle_;
};

}  // namespace aziot::keyd::pkcs11
