// Keys as files of one directory (keys-service.md, section 9), parsed once and kept in locked memory. Names
// and contents are those of every earlier release; writes are durable and mode 0600.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "keyd/backend/file/key_cache.h"
#include "keyd/backend/file/key_paths.h"
#include "keyd/backend/key_backend.h"
#include "keyd/backend/name_locks.h"
#include "keyd/backend/unsynced_names.h"

namespace aziot::keyd::file {

struct FileOptions {
  std::optional<std::string> home;               // keys lie in its subdirectory `keys`
  std::map<std::string, std::string> preloaded;  // key id to absolute path
  std::set<std::string> elsewhere;  // key ids that are preloaded on a token: never a file of ours
};

class FileBackend final : public KeyBackend {
 public:
  // Clears what a crash left of unfinished writes, and warns of preloaded files that cannot be used.
  static absl::StatusOr<std::unique_ptr<FileBackend>> Open(FileOptions options);

  Lane LaneOf(const KeyId& id, Operation operation) const override;

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
  using Kind = KeyContent::Kind;

  explicit FileBackend(FileOptions options)
      : paths_(std::move(options.home), std::move(options.preloaded), std::move(options.elsewhere)) {}

  // What the id's file holds, from memory or read now; kNotFound when there is no file.
  absl::StatusOr<KeyCache::Content> ContentOf(const KeyId& id);
  // The same as a symmetric key or a pair, or why it is none.
  absl::StatusOr<KeyCache::Content> SymmetricContentOf(const KeyId& id);
  absl::StatusOr<KeyCache::Content> PairContentOf(const KeyId& id);
  // ContentOf before a change; nullptr instead of kNotFound.
  absl::StatusOr<KeyCache::Content> ContentToReplace(const KeyId& id);

  absl::Status MakeRoomFor(const std::string& path);
  absl::Status Write(const std::string& path, BytesView content);
  absl::Status Remove(const std::string& path);
  // Before anything is told about `path`: what it named a moment ago cannot be taken back.
  absl::Status Settle(const std::string& path);

  const KeyPaths paths_;
  mutable KeyCache cache_;
  NameLocks locks_;
  UnsyncedNames unsynced_;
};

}  // namespace aziot::keyd::file
