// Keys that only this machine's TPM can use (tpm.md, section 7): made under a storage key, kept wrapped in
// files, loaded one at a time. Keys to encrypt with are sealed: the TPM gives them back for a moment, and
// AES-GCM is software.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <variant>
#include <vector>

#include "keyd/backend/key_backend.h"
#include "keyd/backend/tpm2/blob_store.h"
#include "keyd/backend/tpm2/tpm_keys.h"
#include "keyd/tpm/srk.h"
#include "keyd/tpm/tpm.h"

namespace aziot::keyd::tpm2 {

enum class Symmetric { kSeal, kFile };

struct TpmBackendOptions {
  std::shared_ptr<tpm::Tpm> tpm;  // which has the owner's password
  std::string directory;          // `<homedir_path>/keys`
  TPM2_HANDLE parent = tpm::kSrkHandle;
  Secret parent_auth;
  Symmetric symmetric = Symmetric::kSeal;  // kFile: keys to encrypt with are for another place
  std::map<std::string, std::variant<uint32_t, std::string>>
      preloaded;  // key id to persistent handle or path
};

// Refuses with kFailedPrecondition what belongs to another TPM, or to this one before it was cleared, and
// overwrites none of it; kUnavailable when the TPM is away, busy, full or in lockout.
class TpmBackend final : public KeyBackend {
 public:
  // Does not use the TPM.
  static std::unique_ptr<TpmBackend> Open(TpmBackendOptions options);

  Lane LaneOf(const KeyId& id, Operation operation) const override;
  std::vector<BackendLane> Lanes() const override;

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
  using Key = std::shared_ptr<const TpmKey>;
  enum class Want { kSign, kSealed, kSymmetric, kPair };

  TpmBackend(TpmBackendOptions options, std::map<std::string, std::string> paths,
             std::map<std::string, TPM2_HANDLE> handles)
      : symmetric_(options.symmetric),
        handles_(std::move(handles)),
        blobs_(std::move(options.directory), std::move(paths)),
        keys_(std::move(options.tpm), options.parent, std::move(options.parent_auth)) {}

  bool IsPersistent(const KeyId& id) const { return handles_.contains(id.value()); }
  absl::Status CheckOwn(const KeyId& id) const;
  absl::StatusOr<Key> AtHandle(const KeyId& id);
  // Of any kind; kNotFound when there is none.
  absl::StatusOr<Key> Find(const KeyId& id);
  absl::StatusOr<Key> Find(const KeyId& id, Want want);
  // Before a change: nullptr for what may be written over; kInvalidArgument for another kind,
  // kFailedPrecondition for what this TPM cannot use.
  absl::StatusOr<Key> FindToKeep(const KeyId& id, Want want);
  absl::Status Prove(const KeyId& id, const TpmKey& key);
  absl::Status ProveHmac(const TpmKey& key);
  // Writes unless another call was faster, whose key `want` must describe.
  absl::Status WriteNew(const KeyId& id, const Tss2Key& made, Want want);
  template <class Use>
  auto WithKey(const KeyId& id, Want want, Use use);

  const Symmetric symmetric_;
  const std::map<std::string, TPM2_HANDLE> handles_;
  mutable BlobStore blobs_;
  TpmKeys keys_;

  mutable std::mutex mutex_;
  std::map<std::string, Key> persistent_;  // by key id
  bool hmac_proven_ = false;
};

}  // namespace aziot::keyd::tpm2
