// LibraryBackend: symmetric keys.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"
#include "keyd/backend/library/library_backend.h"

namespace aziot::keyd::library {
namespace {

AZIOT_KEYS_KEY_USAGE ToBits(KeyUsage usage) {
  return (usage.sign ? AZIOT_KEYS_KEY_USAGE_SIGN : 0u) | (usage.encrypt ? AZIOT_KEYS_KEY_USAGE_ENCRYPT : 0u);
}

AZIOT_KEYS_ENCRYPT_AEAD_PARAMETERS ToAead(const AeadParameters& parameters) {
  return {.iv = NotNull(parameters.iv),
          .iv_len = parameters.iv.size(),
          .aad = NotNull(parameters.aad),
          .aad_len = parameters.aad.size()};
}

absl::Status IsPair(const KeyId& id) {
  return absl::InvalidArgumentError(absl::StrCat("\"", id.value(), "\" is a key pair, not a key"));
}

}  // namespace

absl::Status LibraryBackend::CreateKey(const KeyId& id, KeyUsage usage) {
  std::lock_guard lock(mutex_);
  if (HoldsPair(id)) return IsPair(id);
  return ToStatus(functions_.create_key_if_not_exists(id.value().c_str(), ToBits(usage)),
                  Named("create_key_if_not_exists", id));
}

absl::Status LibraryBackend::ImportKey(const KeyId& id, BytesView bytes, KeyUsage usage) {
  if (bytes.empty()) return absl::InvalidArgumentError("a key has at least one byte");
  std::lock_guard lock(mutex_);
  if (HoldsPair(id)) return IsPair(id);
  return ToStatus(functions_.import_key(id.value().c_str(), bytes.data(), bytes.size(), ToBits(usage)),
                  Named("import_key", id));
}

absl::Status LibraryBackend::LoadKey(const KeyId& id) {
  std::lock_guard lock(mutex_);
  return KeyStatus(id);
}

absl::Status LibraryBackend::DeleteKey(const KeyId& id) {
  if (functions_.delete_key == nullptr) return absl::OkStatus();
  std::lock_guard lock(mutex_);
  // Nothing of that kind is there, and the library might not look at the kind.
  if (HoldsPair(id)) return absl::OkStatus();
  return ToStatus(functions_.delete_key(id.value().c_str()), Named("delete_key", id));
}

absl::StatusOr<Mac> LibraryBackend::Hmac(const KeyId& id, BytesView message) {
  std::lock_guard lock(mutex_);
  const Call call = Named("sign", id);
  const absl::StatusOr<Bytes> bytes = ReadOutput(call, [&](unsigned char* out, uintptr_t* length) {
    return functions_.sign(id.value().c_str(), AZIOT_KEYS_SIGN_MECHANISM_HMAC_SHA256, nullptr,
                           NotNull(message), message.size(), out, length);
  });
  if (!bytes.ok()) return OfKey(id, bytes.status());
  Mac mac;
  if (bytes->size() != mac.size()) {
    return BadAnswer(call, absl::StrCat("gave ", bytes->size(), " bytes for an HMAC-SHA256"));
  }
  std::copy(bytes->begin(), bytes->end(), mac.begin());
  return mac;
}

absl::StatusOr<bool> LibraryBackend::VerifyHmac(const KeyId& id, BytesView message, BytesView mac) {
  std::lock_guard lock(mutex_);
  int ok = 0;
  const AZIOT_KEYS_RC code =
      functions_.verify(id.value().c_str(), AZIOT_KEYS_SIGN_MECHANISM_HMAC_SHA256, nullptr, NotNull(message),
                        message.size(), NotNull(mac), mac.size(), &ok);
  const absl::Status status = ToStatus(code, Named("verify", id));
  if (!status.ok()) return OfKey(id, status);
  return ok != 0;
}

absl::StatusOr<Secret> LibraryBackend::Derive(const KeyId& id, BytesView data) {
  std::lock_guard lock(mutex_);
  absl::StatusOr<Bytes> derived =
      ReadOutput(Named("derive_key", id), [&](unsigned char* out, uintptr_t* length) {
        return functions_.derive_key(id.value().c_str(), NotNull(data), data.size(), out, length);
      });
  if (!derived.ok()) return OfKey(id, derived.status());
  return Secret::Take(*std::move(derived));
}

absl::StatusOr<Bytes> LibraryBackend::Encrypt(const KeyId& id, const AeadParameters& parameters,
                                              BytesView plaintext) {
  std::lock_guard lock(mutex_);
  const AZIOT_KEYS_ENCRYPT_AEAD_PARAMETERS aead = ToAead(parameters);
  absl::StatusOr<Bytes> blob = ReadOutput(Named("encrypt", id), [&](unsigned char* out, uintptr_t* length) {
    return functions_.encrypt(id.value().c_str(), AZIOT_KEYS_ENCRYPT_MECHANISM_AEAD, &aead,
                              NotNull(plaintext), plaintext.size(), out, length);
  });
  if (!blob.ok()) return OfKey(id, blob.status());
  return blob;
}

absl::StatusOr<Bytes> LibraryBackend::Decrypt(const KeyId& id, const AeadParameters& parameters,
                                              BytesView blob) {
  std::lock_guard lock(mutex_);
  const AZIOT_KEYS_ENCRYPT_AEAD_PARAMETERS aead = ToAead(parameters);
  absl::StatusOr<Bytes> plaintext =
      ReadOutput(Named("decrypt", id), [&](unsigned char* out, uintptr_t* length) {
        return functions_.decrypt(id.value().c_str(), AZIOT_KEYS_ENCRYPT_MECHANISM_AEAD, &aead, NotNull(blob),
                                  blob.size(), out, length);
      });
  if (!plaintext.ok()) return OfKey(id, plaintext.status());
  return plaintext;
}

}  // namespace aziot::keyd::library
