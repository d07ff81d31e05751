#include "keyd/backend/pkcs11/session.h"

#include "common/status/status_macros.h"
#include "keyd/backend/pkcs11/ckr.h"

namespace aziot::keyd::pkcs11 {
namespace {

// Cryptoki takes no const; it reads its inputs only. Some modules take no NULL, also with length 0.
CK_BYTE* In(BytesView bytes) {
  static CK_BYTE nothing = 0;
  return bytes.empty() ? &nothing : const_cast<CK_BYTE*>(bytes.data());
}

constexpr size_t kLongestSignature = 1024;  // RSA-8192
constexpr size_t kRoomForTag = 64;
constexpr CK_ULONG kLongestAttribute = 64 << 10;

}  // namespace

absl::StatusOr<std::vector<CK_OBJECT_HANDLE>> Session::Find(const Template& wanted) {
  std::vector<CK_ATTRIBUTE> attributes = wanted.attributes();
  RETURN_IF_ERROR(ToStatus(functions_->C_FindObjectsInit(handle_, attributes.data(), attributes.size()),
                           "C_FindObjectsInit"));
  std::vector<CK_OBJECT_HANDLE> found;
  CK_RV code = CKR_OK;
  for (;;) {
    CK_OBJECT_HANDLE some[16];
    CK_ULONG count = 0;
    code = functions_->C_FindObjects(handle_, some, std::size(some), &count);
    if (code != CKR_OK || count == 0 || count > std::size(some)) break;
    found.insert(found.end(), some, some + count);
  }
  const CK_RV final_code = functions_->C_FindObjectsFinal(handle_);
  RETURN_IF_ERROR(ToStatus(code, "C_FindObjects"));
  RETURN_IF_ERROR(ToStatus(final_code, "C_FindObjectsFinal"));
  return found;
}

absl::StatusOr<Bytes> Session::Attribute(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
  CK_ATTRIBUTE attribute = {type, nullptr, 0};
  CK_RV code = functions_->C_GetAttributeValue(handle_, object, &attribute, 1);
  const auto is_hidden = [&] {
    return code == CKR_ATTRIBUTE_TYPE_INVALID || code == CKR_ATTRIBUTE_SENSITIVE ||
           (code == CKR_OK && attribute.ulValueLen == static_cast<CK_ULONG>(-1));
  };
  if (is_hidden()) return Bytes();
  RETURN_IF_ERROR(ToStatus(code, "C_GetAttributeValue"));
  if (attribute.ulValueLen > kLongestAttribute) {
    return absl::InternalError("C_GetAttributeValue: claims that an attribute is longer than any is");
  }
  Bytes value(attribute.ulValueLen);
  if (value.empty()) return value;
  attribute.pValue = value.data();
  code = functions_->C_GetAttributeValue(handle_, object, &attribute, 1);
  if (is_hidden()) return Bytes();
  RETURN_IF_ERROR(ToStatus(code, "C_GetAttributeValue"));
  if (attribute.ulValueLen > value.size()) return ToStatus(CKR_BUFFER_TOO_SMALL, "C_GetAttributeValue");
  value.resize(attribute.ulValueLen);
  return value;
}

absl::StatusOr<CK_ULONG> Session::NumberAttribute(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
  CK_ULONG value = 0;
  CK_ATTRIBUTE attribute = {type, &value, sizeof value};
  RETURN_IF_ERROR(
      ToStatus(functions_->C_GetAttributeValue(handle_, object, &attribute, 1), "C_GetAttributeValue"));
  if (attribute.ulValueLen != sizeof value)
    return absl::InternalError("C_GetAttributeValue: a number of odd length");
  return value;
}

absl::Status Session::SetAttributes(CK_OBJECT_HANDLE object, const Template& values) {
  std::vector<CK_ATTRIBUTE> attributes = values.attributes();
  return ToStatus(functions_->C_SetAttributeValue(handle_, object, attributes.data(), attributes.size()),
                  "C_SetAttributeValue");
}

absl::StatusOr<CK_OBJECT_HANDLE> Session::Create(const Template& object) {
  std::vector<CK_ATTRIBUTE> attributes = object.attributes();
  CK_OBJECT_HANDLE created = CK_INVALID_HANDLE;
  RETURN_IF_ERROR(ToStatus(
      functions_->C_CreateObject(handle_, attributes.data(), attributes.size(), &created), "C_CreateObject"));
  return created;
}

absl::Status Session::Destroy(CK_OBJECT_HANDLE object) {
  const CK_RV code = functions_->C_DestroyObject(handle_, object);
  if (code == CKR_OBJECT_HANDLE_INVALID) return absl::OkStatus();
  return ToStatus(code, "C_DestroyObject");
}

absl::StatusOr<CK_OBJECT_HANDLE> Session::GenerateKey(CK_MECHANISM_TYPE mechanism, const Template& key) {
  CK_MECHANISM how = {mechanism, nullptr, 0};
  std::vector<CK_ATTRIBUTE> attributes = key.attributes();
  CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;
  RETURN_IF_ERROR(
      ToStatus(functions_->C_GenerateKey(handle_, &how, attributes.data(), attributes.size(), &made),
               "C_GenerateKey"));
  return made;
}

absl::Status Session::GenerateKeyPair(CK_MECHANISM_TYPE mechanism, const Template& public_key,
                                      const Template& private_key) {
  CK_MECHANISM how = {mechanism, nullptr, 0};
  std::vector<CK_ATTRIBUTE> open = public_key.attributes();
  std::vector<CK_ATTRIBUTE> hidden = private_key.attributes();
  CK_OBJECT_HANDLE made[2] = {CK_INVALID_HANDLE, CK_INVALID_HANDLE};
  return ToStatus(functions_->C_GenerateKeyPair(handle_, &how, open.data(), open.size(), hidden.data(),
                                                hidden.size(), &made[0], &made[1]),
                  "C_GenerateKeyPair");
}

absl::StatusOr<Bytes> Session::Sign(CK_MECHANISM_TYPE mechanism, CK_OBJECT_HANDLE key, BytesView data) {
  CK_MECHANISM how = {mechanism, nullptr, 0};
  RETURN_IF_ERROR(ToStatus(functions_->C_SignInit(handle_, &how, key), "C_SignInit"));
  CK_BYTE signature[kLongestSignature];
  CK_ULONG size = sizeof signature;
  RETURN_IF_ERROR(ToStatus(functions_->C_Sign(handle_, In(data), data.size(), signature, &size), "C_Sign"));
  if (size > sizeof signature) return absl::InternalError("C_Sign: claims to have written beyond its buffer");
  return Bytes(signature, signature + size);
}

absl::Status Session::SignInto(CK_MECHANISM_TYPE mechanism, CK_OBJECT_HANDLE key, BytesView data,
                               std::span<uint8_t> out) {
  CK_MECHANISM how = {mechanism, nullptr, 0};
  RETURN_IF_ERROR(ToStatus(functions_->C_SignInit(handle_, &how, key), "C_SignInit"));
  CK_ULONG size = out.size();
  RETURN_IF_ERROR(ToStatus(functions_->C_Sign(handle_, In(data), data.size(), out.data(), &size), "C_Sign"));
  if (size != out.size()) return absl::InternalError("C_Sign: the result has another length than it must");
  return absl::OkStatus();
}

absl::StatusOr<Bytes> Session::Encrypt(CK_MECHANISM mechanism, CK_OBJECT_HANDLE key, BytesView text) {
  RETURN_IF_ERROR(ToStatus(functions_->C_EncryptInit(handle_, &mechanism, key), "C_EncryptInit"));
  Bytes out(text.size() + kRoomForTag);
  CK_ULONG size = out.size();
  RETURN_IF_ERROR(
      ToStatus(functions_->C_Encrypt(handle_, In(text), text.size(), out.data(), &size), "C_Encrypt"));
  if (size > out.size()) return absl::InternalError("C_Encrypt: claims to have written beyond its buffer");
  out.resize(size);
  return out;
}

absl::StatusOr<Bytes> Session::Decrypt(CK_MECHANISM mechanism, CK_OBJECT_HANDLE key, BytesView text) {
  RETURN_IF_ERROR(ToStatus(functions_->C_DecryptInit(handle_, &mechanism, key), "C_DecryptInit"));
  Bytes out(text.size());  // SoftHSM wants room for the tag, too
  CK_ULONG size = out.size();
  RETURN_IF_ERROR(
      ToStatus(functions_->C_Decrypt(handle_, In(text), text.size(), out.data(), &size), "C_Decrypt"));
  if (size > out.size()) return absl::InternalError("C_Decrypt: claims to have written beyond its buffer");
  out.resize(size);
  return out;
}

absl::Status Session::Check() {
  CK_SESSION_INFO info = {};
  return ToStatus(functions_->C_GetSessionInfo(handle_, &info), "C_GetSessionInfo");
}

absl::StatusOr<CK_ULONG> Session::LongestKey(CK_MECHANISM_TYPE mechanism) {
  CK_MECHANISM_INFO info = {};
  RETURN_IF_ERROR(ToStatus(functions_->C_GetMechanismInfo(slot_, mechanism, &info), "C_GetMechanismInfo"));
  return info.ulMaxKeySize;
}

}  // namespace aziot::keyd::pkcs11
