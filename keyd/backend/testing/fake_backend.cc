#include "keyd/backend/testing/fake_backend.h"

#include "common/openssl/digest.h"
#include "common/status/status_macros.h"

namespace aziot::keyd::testing {
namespace {

absl::Status OtherKind() { return absl::InvalidArgumentError("the id holds the other kind of key"); }

absl::Status CannotHold() { return absl::UnimplementedError("symmetric keys cannot be kept here"); }

}  // namespace

void FakeBackend::Put(const KeyId& id, std::shared_ptr<const MemoryKeyPair> pair) {
  std::lock_guard lock(mutex_);
  keys_.erase(id);
  pairs_[id] = std::move(pair);
}

absl::Status FakeBackend::Begin() {
  ++calls_;
  return failure_;
}

absl::StatusOr<std::shared_ptr<const MemoryKey>> FakeBackend::Key(const KeyId& id) {
  std::lock_guard lock(mutex_);
  RETURN_IF_ERROR(Begin());
  if (pairs_.contains(id)) return OtherKind();
  const auto it = keys_.find(id);
  if (it == keys_.end()) return absl::NotFoundError("no such key");
  return it->second;
}

absl::StatusOr<std::shared_ptr<const MemoryKeyPair>> FakeBackend::Pair(const KeyId& id) {
  std::lock_guard lock(mutex_);
  RETURN_IF_ERROR(Begin());
  if (keys_.contains(id)) return absl::InternalError("the id holds a symmetric key");
  const auto it = pairs_.find(id);
  if (it == pairs_.end()) return absl::NotFoundError("no such key pair");
  return it->second;
}

absl::Status FakeBackend::CreateKey(const KeyId& id, KeyUsage) {
  std::lock_guard lock(mutex_);
  RETURN_IF_ERROR(Begin());
  if (pairs_.contains(id)) return OtherKind();
  if (!holds_keys_ && !keys_.contains(id)) return CannotHold();
  if (!keys_.contains(id)) keys_[id] = std::make_shared<const MemoryKey>(openssl::RandomSecret(32));
  return absl::OkStatus();
}

absl::Status FakeBackend::ImportKey(const KeyId& id, BytesView bytes, KeyUsage) {
  std::lock_guard lock(mutex_);
  RETURN_IF_ERROR(Begin());
  if (bytes.empty()) return absl::InvalidArgumentError("a key has at least one byte");
  if (pairs_.contains(id)) return OtherKind();
  if (!holds_keys_) return CannotHold();
  keys_[id] = std::make_shared<const MemoryKey>(Secret(bytes));
  return absl::OkStatus();
}

absl::Status FakeBackend::LoadKey(const KeyId& id) { return Key(id).status(); }

absl::Status FakeBackend::DeleteKey(const KeyId& id) {
  std::lock_guard lock(mutex_);
  RETURN_IF_ERROR(Begin());
  keys_.erase(id);
  return absl::OkStatus();
}

absl::StatusOr<Mac> FakeBackend::Hmac(const KeyId& id, BytesView message) {
  ASSIGN_OR_RETURN(const auto key, Key(id));
  return key->Hmac(message);
}

absl::StatusOr<Secret> FakeBackend::Derive(const KeyId& id, BytesView data) {
  ASSIGN_OR_RETURN(const auto key, Key(id));
  return key->Derive(data);
}

absl::StatusOr<Bytes> FakeBackend::Encrypt(const KeyId& id, const AeadParameters& parameters,
                                           BytesView plaintext) {
  ASSIGN_OR_RETURN(const auto key, Key(id));
  return key->Encrypt(parameters, plaintext);
}

absl::StatusOr<Bytes> FakeBackend::Decrypt(const KeyId& id, const AeadParameters& parameters,
                                           BytesView blob) {
  ASSIGN_OR_RETURN(const auto key, Key(id));
  return key->Decrypt(parameters, blob);
}

absl::Status FakeBackend::CreateKeyPair(const KeyId& id, std::span<const KeyAlgorithm> preferred) {
  std::lock_guard lock(mutex_);
  RETURN_IF_ERROR(Begin());
  if (preferred.empty()) return absl::InvalidArgumentError("no algorithm");
  if (keys_.contains(id)) return OtherKind();
  if (pairs_.contains(id)) return absl::OkStatus();
  ASSIGN_OR_RETURN(pairs_[id], MemoryKeyPair::Generate(preferred.front()));
  return absl::OkStatus();
}

absl::Status FakeBackend::LoadKeyPair(const KeyId& id) { return Pair(id).status(); }

absl::Status FakeBackend::MoveKeyPair(const KeyId& from, const KeyId& to) {
  std::lock_guard lock(mutex_);
  RETURN_IF_ERROR(Begin());
  if (from == to) return absl::InvalidArgumentError("both ids are one");
  if (keys_.contains(from)) return OtherKind();
  const auto found = pairs_.find(from);
  if (found == pairs_.end()) return absl::NotFoundError("no such key pair");
  if (keys_.contains(to)) return OtherKind();
  const auto pair = found->second;
  pairs_.erase(from);
  pairs_[to] = pair;
  return absl::OkStatus();
}

absl::Status FakeBackend::DeleteKeyPair(const KeyId& id) {
  std::lock_guard lock(mutex_);
  RETURN_IF_ERROR(Begin());
  pairs_.erase(id);
  return absl::OkStatus();
}

absl::StatusOr<KeyFamily> FakeBackend::FamilyOf(const KeyId& id) {
  ASSIGN_OR_RETURN(const auto pair, Pair(id));
  return pair->family();
}

absl::StatusOr<Bytes> FakeBackend::PublicParameter(const KeyId& id, PairParameter parameter) {
  ASSIGN_OR_RETURN(const auto pair, Pair(id));
  return pair->PublicParameter(parameter);
}

absl::StatusOr<Bytes> FakeBackend::SignDigest(const KeyId& id, BytesView digest) {
  ASSIGN_OR_RETURN(const auto pair, Pair(id));
  return pair->SignDigest(digest);
}

absl::StatusOr<Bytes> FakeBackend::RsaPrivate(const KeyId& id, RsaPadding padding, BytesView input) {
  ASSIGN_OR_RETURN(const auto pair, Pair(id));
  return pair->RsaPrivate(padding, input);
}

}  // namespace aziot::keyd::testing
