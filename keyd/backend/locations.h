// The places where keys lie, as one backend: the first place that has a key uses it, and new keys go to the
// first place that can hold them (keys-service.md, section 10). Where a key was found is remembered, so that
// a place which is slow or away is not asked about keys that lie elsewhere.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "keyd/backend/key_backend.h"

namespace aziot::keyd {

// One place: a directory, a token, a TPM.
struct KeyStore {
  std::string name;  // for log lines: `token "main"`
  std::unique_ptr<KeyBackend> backend;
  bool searched = true;  // false: holds preloaded keys only
};

class Locations final : public KeyBackend {
 public:
  // `stores` in the order in which they are tried. `preloaded` binds key ids to one store alone, by index.
  Locations(std::vector<KeyStore> stores, const std::map<KeyId, size_t>& preloaded);

  Lane LaneOf(const KeyId& id, Operation operation) const override;
  std::vector<BackendLane> Lanes() const override;

  // A place that answers kUnimplemented is passed over.
  absl::Status CreateKey(const KeyId& id, KeyUsage usage) override;
  // The same; older keys of that id are then removed everywhere else.
  absl::Status ImportKey(const KeyId& id, BytesView bytes, KeyUsage usage) override;
  absl::Status LoadKey(const KeyId& id) override;
  absl::Status DeleteKey(const KeyId& id) override;
  absl::StatusOr<Mac> Hmac(const KeyId& id, BytesView message) override;
  absl::StatusOr<bool> VerifyHmac(const KeyId& id, BytesView message, BytesView mac) override;
  absl::StatusOr<Secret> Derive(const KeyId& id, BytesView data) override;
  absl::StatusOr<Bytes> Encrypt(const KeyId& id, const AeadParameters& parameters,
                                BytesView plaintext) override;
  absl::StatusOr<Bytes> Decrypt(const KeyId& id, const AeadParameters& parameters, BytesView blob) override;

  // Pairs are made in the first place only.
  absl::Status CreateKeyPair(const KeyId& id, std::span<const KeyAlgorithm> preferred) override;
  absl::Status LoadKeyPair(const KeyId& id) override;
  // Within the place that holds `from`; kInvalidArgument when `to` belongs to another one.
  absl::Status MoveKeyPair(const KeyId& from, const KeyId& to) override;
  absl::Status DeleteKeyPair(const KeyId& id) override;
  absl::StatusOr<KeyFamily> FamilyOf(const KeyId& id) override;
  absl::StatusOr<Bytes> PublicParameter(const KeyId& id, PairParameter parameter) override;
  absl::StatusOr<Bytes> SignDigest(const KeyId& id, BytesView digest) override;
  absl::StatusOr<Bytes> RsaPrivate(const KeyId& id, RsaPadding padding, BytesView input) override;

 private:
  using Clock = std::chrono::steady_clock;
  using Places = std::span<const size_t>;  // indexes of stores_
  enum class Kind { kKey, kPair };

  struct Found {
    size_t at = 0;
    // While an earlier place is away nobody knows whether it has the key: ask it again after this.
    Clock::time_point until = Clock::time_point::max();
  };
  // Where a key was looked for and what came of it; `at` holds the place that did not answer kNotFound.
  struct Search {
    absl::Status status;
    size_t at = 0;
  };

  KeyBackend& StoreAt(size_t index) const { return *stores_[index].backend; }
  Places PlacesOf(const KeyId& id) const;
  std::optional<size_t> Recall(Kind kind, const KeyId& id) const;
  void Remember(Kind kind, const KeyId& id, Found found);
  void Forget(Kind kind, const KeyId& id);

  // Calls at the place that has the key; `at` is told which was called last.
  template <class Call>
  auto AtHolder(Kind kind, const KeyId& id, const Call& call, size_t* at = nullptr);
  Search Find(Kind kind, const KeyId& id);
  // kInvalidArgument when some place holds the other kind under the id.
  absl::Status CheckFree(Kind other, const KeyId& id);
  // Tries one place after the other; which made it is remembered, too.
  template <class Make>
  absl::StatusOr<size_t> MakeKey(const KeyId& id, const Make& make);
  template <class Remove>
  absl::Status RemoveFrom(Kind kind, const KeyId& id, const Remove& remove);

  std::vector<KeyStore> stores_;
  std::vector<size_t> searched_;
  std::map<KeyId, size_t> preloaded_;

  mutable std::mutex mutex_;
  absl::flat_hash_map<std::string, Found> found_[2];  // by kind
};

}  // namespace aziot::keyd
