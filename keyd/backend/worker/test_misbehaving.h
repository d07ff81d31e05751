// A backend in the worker of this room's tests: it does what an id tells it to (crashes, hangs, looks at its
// process); every other key is a fake one.
#pragma once

#include <string>

#include "keyd/backend/testing/fake_backend.h"
#include "keyd/backend/worker/login_record.h"

namespace aziot::keyd::worker {

class Misbehaving final : public KeyBackend {
 public:
  // `directory` is the test's: files there are how a worker tells the next one, and the test, what it did.
  Misbehaving(std::string directory, LoginRecord& record);
  // Leaves the file `finished`.
  ~Misbehaving() override;

  Lane LaneOf(const KeyId&, Operation) const override { return Lane::Inline(); }
  absl::Status CreateKey(const KeyId& id, KeyUsage usage) override;
  absl::Status ImportKey(const KeyId& id, BytesView bytes, KeyUsage usage) override;
  absl::Status LoadKey(const KeyId& id) override;
  absl::Status DeleteKey(const KeyId& id) override;
  absl::StatusOr<Mac> Hmac(const KeyId& id, BytesView message) override;
  // Of the id `pid`, `descriptors`, `login`: what is asked, as text.
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
  testing::FakeBackend& At(const KeyId& id);
  bool Done(const std::string& name);

  const std::string directory_;
  LoginRecord& record_;
  const LoginRecord::State at_start_;
  testing::FakeBackend fake_;
};

}  // namespace aziot::keyd::worker
