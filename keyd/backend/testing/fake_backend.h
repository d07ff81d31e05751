// A backend that keeps its keys in a map, for tests of what stands above the interface. It keeps the same
// contract as the real ones, and can be told to fail or to be slow.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "keyd/backend/key_backend.h"
#include "keyd/backend/memory_key.h"
#include "keyd/backend/memory_key_pair.h"

namespace aziot::keyd::testing {

class FakeBackend final : public KeyBackend {
 public:
  // Every further call answers `status`, until it is OK again.
  void FailWith(absl::Status status) { failure_ = std::move(status); }
  // New symmetric keys are kUnimplemented from now on, as on a token without them.
  void CannotHoldKeys() { holds_keys_ = false; }
  // The lane of every operation from now on.
  void RunOn(const Lane& lane) { lane_ = making_lane_ = lane; }
  // The lane on which symmetric keys are made, from now on.
  void MakeKeysOn(const Lane& lane) { making_lane_ = lane; }
  // Puts a pair in place of whatever `id` holds: one that takes long to make can serve a whole test.
  void Put(const KeyId& id, std::shared_ptr<const MemoryKeyPair> pair);
  // Calls that reached a key or made one; LaneOf does not count.
  int calls() const { return calls_; }

  Lane LaneOf(const KeyId&, Operation operation) const override {
    return operation == Operation::kCreateKey ? making_lane_ : lane_;
  }
  absl::Status CreateKey(const KeyId& id, KeyUsage usage) override;
  absl::Status ImportKey(const KeyId& id, BytesView bytes, KeyUsage usage) override;
  absl::Status LoadKey(const KeyId& id) override;
  absl::Status DeleteKey(const KeyId& id) override;
  absl::StatusOr<Mac> Hmac(const KeyId& id, BytesView message) override;
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
  absl::Status Begin();
  absl::StatusOr<std::shared_ptr<const MemoryKey>> Key(const KeyId& id);
  absl::StatusOr<std::shared_ptr<const MemoryKeyPair>> Pair(const KeyId& id);

  std::mutex mutex_;
  std::map<KeyId, std::shared_ptr<const MemoryKey>> keys_;
  std::map<KeyId, std::shared_ptr<const MemoryKeyPair>> pairs_;
  absl::Status failure_;
  Lane lane_ = Lane::Inline();
  Lane making_lane_ = Lane::Inline();
  bool holds_keys_ = true;
  int calls_ = 0;
};

}  // namespace aziot::keyd::testing
