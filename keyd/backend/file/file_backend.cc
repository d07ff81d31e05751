#include "keyd/backend/file/file_backend.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/files/files.h"
#include "common/files/location.h"
#include "common/log/log.h"
#include "common/openssl/digest.h"
#include "common/status/status_macros.h"

namespace aziot::keyd::file {
namespace {

constexpr size_t kNewKeyBytes = 32;
constexpr mode_t kFileMode = 0600;
constexpr mode_t kDirectoryMode = 0700;

// A missing directory is the store's trouble, not an absent key.
absl::Status StoreFailed(const absl::Status& status) {
  return absl::IsNotFound(status) || absl::IsInvalidArgument(status) ? absl::InternalError(status.message())
                                                                     : status;
}

// What a killed process left unsynced is safe from here on.
absl::Status SyncNamesIn(const std::string& directory) {
  ASSIGN_OR_RETURN(const files::Descriptor opened, files::OpenDirectory(directory));
  return files::SyncDirectory(opened, directory);
}

absl::Status Damaged(const KeyId& id, const KeyContent& content) {
  return absl::InternalError(
      absl::StrCat("the file of key \"", id.value(), "\" cannot be used: ", content.why));
}

}  // namespace

absl::StatusOr<std::unique_ptr<FileBackend>> FileBackend::Open(FileOptions options) {
  std::unique_ptr<FileBackend> backend(new FileBackend(std::move(options)));
  if (const std::string& directory = backend->paths_.directory(); files::Exists(directory)) {
    if (const absl::Status status = files::RemoveLeftovers(directory); !status.ok()) {
      log::Warn("could not clear unfinished writes in {}: {}", directory, status);
    }
    for (const std::string& names : {directory, ParentOf(directory)}) {
      // No reason to refuse the keys that are there: a disk that has gone read-only ends here.
      if (const absl::Status status = SyncNamesIn(names); !status.ok()) log::Warn("{}", status);
    }
  }
  for (const auto& [name, path] : backend->paths_.preloaded()) {
    ASSIGN_OR_RETURN(const KeyId id, KeyId::Parse(name));
    if (const auto content = backend->ContentOf(id); content.ok() && (*content)->kind == Kind::kUnusablePem) {
      log::Warn("preloaded key \"{}\" ({}) cannot be used: {}", name, path, (*content)->why);
    }
  }
  return backend;
}

Lane FileBackend::LaneOf(const KeyId& id, Operation operation) const {
  // Not Peek: making a pair that someone took away would hold a reactor for seconds.
  const auto holds = [&](Kind kind) {
    const KeyCache::Content content = cache_.Find(id);
    return content != nullptr && content->kind == kind;
  };
  switch (operation) {
    case Operation::kCreateKey:
      return holds(Kind::kSymmetric) ? Lane::Inline() : Lane::Peers();
    case Operation::kCreateEcPair:
      return holds(Kind::kPair) ? Lane::Inline() : Lane::Peers();
    case Operation::kCreateRsaPair:
      return holds(Kind::kPair) ? Lane::Inline() : Lane::Cpu();
    case Operation::kImportKey:
    case Operation::kDelete:
    case Operation::kMove:
      return Lane::Peers();
    case Operation::kRsa:
      return Lane::Cpu();
    case Operation::kEcdsa: {
      const KeyCache::Content content = cache_.Peek(id);
      if (content != nullptr && content->pair != nullptr && content->pair->is_slow()) return Lane::Cpu();
      break;
    }
    case Operation::kLoad:
    case Operation::kParameter:
    case Operation::kHmac:
    case Operation::kAead:
      break;
  }
  // A file whose name may have to be synced first.
  if (unsynced_.Any() && cache_.Peek(id) == nullptr) return Lane::Peers();
  return Lane::Inline();
}

absl::StatusOr<KeyCache::Content> FileBackend::ContentOf(const KeyId& id) {
  if (KeyCache::Content content = cache_.Find(id); content != nullptr) return content;
  ASSIGN_OR_RETURN(const std::string path, paths_.PathOf(id));
  const KeyCache::Ticket ticket = cache_.Begin(path);
  absl::StatusOr<Secret> bytes = files::ReadSecret(path);
  if (bytes.ok() || absl::IsNotFound(bytes.status())) RETURN_IF_ERROR(Settle(path));
  RETURN_IF_ERROR(bytes.status());
  auto content = std::make_shared<const KeyContent>(ReadContent(*std::move(bytes)));
  if (content->kind == Kind::kSymmetric || content->kind == Kind::kPair) {
    cache_.Insert(id, path, content, ticket);
  }
  return content;
}

absl::StatusOr<KeyCache::Content> FileBackend::ContentToReplace(const KeyId& id) {
  auto content = ContentOf(id);
  if (absl::IsNotFound(content.status())) return KeyCache::Content();
  return content;
}

absl::StatusOr<KeyCache::Content> FileBackend::SymmetricContentOf(const KeyId& id) {
  ASSIGN_OR_RETURN(KeyCache::Content content, ContentOf(id));
  switch (content->kind) {
    case Kind::kSymmetric:
      return content;
    case Kind::kTorn:
      return Damaged(id, *content);
    default:
      return absl::InvalidArgumentError(absl::StrCat("\"", id.value(), "\" is a key pair, not a key"));
  }
}

absl::StatusOr<KeyCache::Content> FileBackend::PairContentOf(const KeyId& id) {
  ASSIGN_OR_RETURN(KeyCache::Content content, ContentOf(id));
  if (content->kind == Kind::kPair) return content;
  if (content->kind == Kind::kSymmetric) {
    return absl::InternalError(absl::StrCat("\"", id.value(), "\" is a key, not a key pair"));
  }
  return Damaged(id, *content);
}

// The store's own directory is made when the first key needs it; an operator's, named by preloaded_keys, is
// not.
absl::Status FileBackend::MakeRoomFor(const std::string& path) {
  if (ParentOf(path) != paths_.directory()) return absl::OkStatus();
  for (const std::string& directory : {ParentOf(paths_.directory()), paths_.directory()}) {
    const auto make = [&] { return files::MakeDirectory(directory, kDirectoryMode); };
    RETURN_IF_ERROR(StoreFailed(unsynced_.During({&directory, 1}, make)));
    RETURN_IF_ERROR(StoreFailed(unsynced_.Settle(directory)));
  }
  return absl::OkStatus();
}

absl::Status FileBackend::Write(const std::string& path, BytesView content) {
  RETURN_IF_ERROR(MakeRoomFor(path));
  const KeyCache::Change change(cache_, path);
  return StoreFailed(unsynced_.During({&path, 1}, [&] { return files::Replace(path, content, kFileMode); }));
}

absl::Status FileBackend::Remove(const std::string& path) {
  const KeyCache::Change change(cache_, path);
  return StoreFailed(unsynced_.During({&path, 1}, [&] { return files::Remove(path); }));
}

absl::Status FileBackend::Settle(const std::string& path) {
  if (!unsynced_.Any()) return absl::OkStatus();
  RETURN_IF_ERROR(StoreFailed(unsynced_.Settle(path)));
  // The store's own directories may be as new as their first key.
  if (ParentOf(path) != paths_.directory()) return absl::OkStatus();
  RETURN_IF_ERROR(StoreFailed(unsynced_.Settle(paths_.directory())));
  return StoreFailed(unsynced_.Settle(ParentOf(paths_.directory())));
}

absl::Status FileBackend::CreateKey(const KeyId& id, KeyUsage) {
  if (const KeyCache::Content content = cache_.Find(id);
      content != nullptr && content->kind == Kind::kSymmetric) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const std::string path, paths_.PathOf(id));
  const NameLocks::Guard guard = locks_.Lock(path);
  ASSIGN_OR_RETURN(const KeyCache::Content content, ContentToReplace(id));
  if (content != nullptr && content->kind != Kind::kTorn) return SymmetricContentOf(id).status();
  return Write(path, openssl::RandomSecret(kNewKeyBytes).Expose());
}

absl::Status FileBackend::ImportKey(const KeyId& id, BytesView bytes, KeyUsage) {
  if (bytes.empty()) return absl::InvalidArgumentError("a key has at least one byte");
  if (ReadContent(Secret(bytes)).kind != Kind::kSymmetric) {
    return absl::InvalidArgumentError("PEM is no symmetric key: its file would be taken for a key pair's");
  }
  ASSIGN_OR_RETURN(const std::string path, paths_.PathOf(id));
  const NameLocks::Guard guard = locks_.Lock(path);
  ASSIGN_OR_RETURN(const KeyCache::Content content, ContentToReplace(id));
  if (content != nullptr && content->kind != Kind::kTorn) RETURN_IF_ERROR(SymmetricContentOf(id).status());
  return Write(path, bytes);
}

absl::Status FileBackend::LoadKey(const KeyId& id) { return SymmetricContentOf(id).status(); }

absl::Status FileBackend::DeleteKey(const KeyId& id) {
  ASSIGN_OR_RETURN(const std::string path, paths_.PathOf(id));
  const NameLocks::Guard guard = locks_.Lock(path);
  ASSIGN_OR_RETURN(const KeyCache::Content content, ContentToReplace(id));
  const bool is_ours =
      content != nullptr && (content->kind == Kind::kSymmetric || content->kind == Kind::kTorn);
  return is_ours ? Remove(path) : absl::OkStatus();
}

absl::StatusOr<Mac> FileBackend::Hmac(const KeyId& id, BytesView message) {
  ASSIGN_OR_RETURN(const KeyCache::Content content, SymmetricContentOf(id));
  return content->key->Hmac(message);
}

absl::StatusOr<Secret> FileBackend::Derive(const KeyId& id, BytesView data) {
  ASSIGN_OR_RETURN(const KeyCache::Content content, SymmetricContentOf(id));
  return content->key->Derive(data);
}

absl::StatusOr<Bytes> FileBackend::Encrypt(const KeyId& id, const AeadParameters& parameters,
                                           BytesView plaintext) {
  ASSIGN_OR_RETURN(const KeyCache::Content content, SymmetricContentOf(id));
  return content->key->Encrypt(parameters, plaintext);
}

absl::StatusOr<Bytes> FileBackend::Decrypt(const KeyId& id, const AeadParameters& parameters,
                                           BytesView blob) {
  ASSIGN_OR_RETURN(const KeyCache::Content content, SymmetricContentOf(id));
  return content->key->Decrypt(parameters, blob);
}

absl::Status FileBackend::CreateKeyPair(const KeyId& id, std::span<const KeyAlgorithm> preferred) {
  if (preferred.empty()) return absl::InvalidArgumentError("no algorithm to make a key pair of");
  if (const KeyCache::Content content = cache_.Find(id); content != nullptr && content->kind == Kind::kPair) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const std::string path, paths_.PathOf(id));
  const NameLocks::Guard guard = locks_.Lock(path);
  ASSIGN_OR_RETURN(const KeyCache::Content content, ContentToReplace(id));
  if (content != nullptr) {
    if (content->kind == Kind::kPair) return absl::OkStatus();
    if (content->kind == Kind::kUnusablePem) return Damaged(id, *content);
    if (content->kind == Kind::kSymmetric && !content->all_zero) {
      return absl::InvalidArgumentError(absl::StrCat("\"", id.value(), "\" is a key, not a key pair"));
    }
  }
  ASSIGN_OR_RETURN(const auto pair, MemoryKeyPair::Generate(preferred.front()));
  ASSIGN_OR_RETURN(const Secret pem, pair->FormatPem());
  return Write(path, pem.Expose());
}

absl::Status FileBackend::LoadKeyPair(const KeyId& id) { return PairContentOf(id).status(); }

absl::Status FileBackend::MoveKeyPair(const KeyId& from, const KeyId& to) {
  ASSIGN_OR_RETURN(const std::string from_path, paths_.PathOf(from));
  ASSIGN_OR_RETURN(const std::string to_path, paths_.PathOf(to));
  if (from_path == to_path) return absl::InvalidArgumentError("both ids name one file");
  const NameLocks::Guard first = locks_.Lock(std::min(from_path, to_path));
  const NameLocks::Guard second = locks_.Lock(std::max(from_path, to_path));
  for (const KeyId* id : {&from, &to}) {
    ASSIGN_OR_RETURN(const KeyCache::Content content, ContentToReplace(*id));
    if (content == nullptr && id == &from) return absl::NotFoundError("there is no key pair to move");
    if (content != nullptr && content->kind == Kind::kSymmetric) {
      return absl::InvalidArgumentError(absl::StrCat("\"", id->value(), "\" is a key, not a key pair"));
    }
  }
  RETURN_IF_ERROR(MakeRoomFor(to_path));
  const KeyCache::Change change_from(cache_, from_path);
  const KeyCache::Change change_to(cache_, to_path);
  const std::string changed[] = {from_path, to_path};
  return StoreFailed(unsynced_.During(changed, [&] { return files::Rename(from_path, to_path); }));
}

absl::Status FileBackend::DeleteKeyPair(const KeyId& id) {
  ASSIGN_OR_RETURN(const std::string path, paths_.PathOf(id));
  const NameLocks::Guard guard = locks_.Lock(path);
  ASSIGN_OR_RETURN(const KeyCache::Content content, ContentToReplace(id));
  return content == nullptr || content->kind == Kind::kSymmetric ? absl::OkStatus() : Remove(path);
}

absl::StatusOr<KeyFamily> FileBackend::FamilyOf(const KeyId& id) {
  ASSIGN_OR_RETURN(const KeyCache::Content content, PairContentOf(id));
  return content->pair->family();
}

absl::StatusOr<Bytes> FileBackend::PublicParameter(const KeyId& id, PairParameter parameter) {
  ASSIGN_OR_RETURN(const KeyCache::Content content, PairContentOf(id));
  return content->pair->PublicParameter(parameter);
}

absl::StatusOr<Bytes> FileBackend::SignDigest(const KeyId& id, BytesView digest) {
  ASSIGN_OR_RETURN(const KeyCache::Content content, PairContentOf(id));
  return content->pair->SignDigest(digest);
}

absl::StatusOr<Bytes> FileBackend::RsaPrivate(const KeyId& id, RsaPadding padding, BytesView input) {
  ASSIGN_OR_RETURN(const KeyCache::Content content, PairContentOf(id));
  return content->pair->RsaPrivate(padding, input);
}

}  // namespace aziot::keyd::file
