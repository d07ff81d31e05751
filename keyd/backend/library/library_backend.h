// Keys that a replacement libaziot_keys.so keeps and uses, through its C interface (aziot-keys.h). It is the
// only place for keys when it is configured. The library is foreign code: this runs in a process of its own.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "keyd/backend/key_backend.h"
#include "keyd/backend/library/functions.h"
#include "keyd/backend/library/output.h"
#include "keyd/backend/library/return_code.h"

namespace aziot::keyd::library {

struct LibraryOptions {
  std::string path;
  // For set_parameter, in this order; values may be secret.
  std::vector<std::pair<std::string, std::string>> parameters;
};

// One call into the library at a time. The process ends when the library says that it wrote past a buffer.
class LibraryBackend final : public KeyBackend {
 public:
  // kFailedPrecondition when `path` is no key library or it refuses a parameter.
  static absl::StatusOr<std::unique_ptr<LibraryBackend>> Open(const LibraryOptions& options);

  Lane LaneOf(const KeyId& id, Operation operation) const override;
  std::vector<BackendLane> Lanes() const override;

  absl::Status CreateKey(const KeyId& id, KeyUsage usage) override;
  absl::Status ImportKey(const KeyId& id, BytesView bytes, KeyUsage usage) override;
  absl::Status LoadKey(const KeyId& id) override;
  absl::Status DeleteKey(const KeyId& id) override;
  absl::StatusOr<Mac> Hmac(const KeyId& id, BytesView message) override;
  absl::StatusOr<bool> VerifyHmac(const KeyId& id, BytesView message, BytesView mac) override;
  absl::StatusOr<Secret> Derive(const KeyId& id, BytesView data) override;
  absl::StatusOr<Bytes> Encrypt(const KeyId& id, const AeadParameters& parameters,
                                BytesView plaintext) override;
  absl::StatusOr<Bytes> Decrypt(const KeyId& id, const AeadParameters& parameters, BytesView blob) override;

  absl::Status CreateKeyPair(const KeyId& id, std::span<const KeyAlgorithm> preferred) override;
  absl::Status LoadKeyPair(const KeyId& id) override;
  absl::Status MoveKeyPair(const KeyId& from, const KeyId& to) override;
  absl::Status DeleteKeyPair(const KeyId& id) override;
  absl::StatusOr<KeyFamily> FamilyOf(const KeyId& id) override;
  absl::StatusOr<Bytes> PublicParameter(const KeyId& id, PairParameter parameter) override;
  absl::StatusOr<Bytes> SignDigest(const KeyId& id, BytesView digest) override;
  absl::StatusOr<Bytes> RsaPrivate(const KeyId& id, RsaPadding padding, BytesView input) override;

 private:
  LibraryBackend(std::string path, const Functions& functions)
      : path_(std::move(path)), functions_(functions) {}

  Call Named(absl::string_view function, const KeyId& id) const { return {path_, function, id.value()}; }

  // All of these with mutex_ held. Whether a usable pair, or a key, is there. A library may take the file of
  // one kind for the other, so the pair is asked for first.
  bool HoldsPair(const KeyId& id) const;
  bool HoldsKey(const KeyId& id) const;
  absl::Status KeyStatus(const KeyId& id) const;
  absl::Status PairStatus(const KeyId& id) const;
  // The library has one code for an absent key and for wrong arguments: tells them apart after `status`.
  absl::Status OfKey(const KeyId& id, absl::Status status) const;
  absl::Status OfPair(const KeyId& id, absl::Status status) const;
  absl::StatusOr<Bytes> ReadParameter(const KeyId& id, AZIOT_KEYS_KEY_PAIR_PARAMETER_TYPE type) const;
  // The part of a digest that counts on the pair's curve.
  BytesView CutToOrder(const KeyId& id, BytesView digest) const;

  const std::string path_;
  const Functions functions_;
  std::mutex mutex_;
};

}  // namespace aziot::keyd::library
