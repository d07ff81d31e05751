#include "keyd/backend/tpm2/blob_store.h"

#include <cerrno>
#include <ctime>

#include "absl/strings/str_cat.h"
#include "common/files/files.h"
#include "common/log/log.h"
#include "common/openssl/hashed_name.h"
#include "common/status/errno_status.h"
#include "common/status/status_macros.h"

namespace aziot::keyd::tpm2 {
namespace {

constexpr mode_t kFileMode = 0600;
constexpr mode_t kDirectoryMode = 0700;
constexpr size_t kMostBytes = 64 << 10;

// A missing directory is the store's trouble, not an absent key.
absl::Status StoreFailed(const absl::Status& status) {
  return absl::IsNotFound(status) || absl::IsInvalidArgument(status) ? absl::InternalError(status.message())
                                                                     : status;
}

bool Same(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size &&
         a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec &&
         a.st_ctim.tv_sec == b.st_ctim.tv_sec && a.st_ctim.tv_nsec == b.st_ctim.tv_nsec;
}

// A file may change again within one tick of the file system's clock and show the same facts.
bool ChangedJustNow(const struct stat& facts) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  const int64_t age_ns =
      (int64_t{now.tv_sec} - facts.st_ctim.tv_sec) * 1'000'000'000 + now.tv_nsec - facts.st_ctim.tv_nsec;
  constexpr int64_t kTickNs = 20'000'000;
  return age_ns < kTickNs && age_ns > -kTickNs;
}

absl::StatusOr<struct stat> FactsOf(const std::string& path) {
  struct stat facts {};
  if (stat(path.c_str(), &facts) != 0) return ErrnoStatus(errno, absl::StrCat("look at ", path));
  return facts;
}

Blob ParseBlob(const std::string& path, absl::string_view text) {
  Blob blob;
  if (text.empty()) {
    blob.empty = true;
    blob.fault = absl::InternalError(absl::StrCat(path, " is empty"));
    return blob;
  }
  const absl::StatusOr<Tss2Key> file = ParseTss2Pem(text);
  absl::StatusOr<std::shared_ptr<const TpmKey>> key = file.ok() ? TpmKey::FromFile(*file) : file.status();
  if (key.ok()) {
    blob.key = *std::move(key);
  } else {
    blob.fault = absl::InternalError(absl::StrCat(path, ": ", key.status().message()));
  }
  return blob;
}

}  // namespace

void BlobStore::ClearLeftovers() const {
  if (directory_.empty() || !files::Exists(directory_)) return;
  if (const absl::Status status = files::RemoveLeftovers(directory_); !status.ok()) {
    log::Warn("could not clear unfinished writes in {}: {}", directory_, status);
  }
}

absl::StatusOr<std::string> BlobStore::PathOf(const KeyId& id) const {
  if (const auto it = preloaded_.find(id.value()); it != preloaded_.end()) return it->second;
  if (directory_.empty()) {
    return absl::InvalidArgumentError("no way to keep keys of the TPM: [aziot_keys] homedir_path is not set");
  }
  return absl::StrCat(directory_, "/", openssl::HashedName(id.value()), ".tpm");
}

std::optional<Blob> BlobStore::Cached(const std::string& path, const struct stat& facts) {
  const std::lock_guard lock(mutex_);
  const auto it = entries_.find(path);
  if (it == entries_.end() || !Same(it->second.facts, facts)) return std::nullopt;
  return it->second.blob;
}

BlobStore::Known BlobStore::Look(const KeyId& id, std::shared_ptr<const TpmKey>* key) {
  const absl::StatusOr<std::string> path = PathOf(id);
  if (!path.ok()) return Known::kAbsent;
  const absl::StatusOr<struct stat> facts = FactsOf(*path);
  if (absl::IsNotFound(facts.status())) return Known::kAbsent;
  if (!facts.ok()) return Known::kUnknown;
  const std::optional<Blob> blob = Cached(*path, *facts);
  if (!blob.has_value()) return Known::kUnknown;
  *key = blob->key;
  return Known::kCached;
}

absl::StatusOr<Blob> BlobStore::Read(const KeyId& id) {
  ASSIGN_OR_RETURN(const std::string path, PathOf(id));
  const absl::StatusOr<struct stat> facts = FactsOf(path);
  const std::optional<Blob> cached = facts.ok() ? Cached(path, *facts) : std::nullopt;
  const absl::StatusOr<Blob> blob = cached.has_value() ? *cached : ReadFile(path);
  if (blob.ok() || absl::IsNotFound(blob.status())) {
    RETURN_IF_ERROR(StoreFailed(unsynced_.Settle(path)));
  }
  return blob;
}

absl::StatusOr<Blob> BlobStore::ReadFile(const std::string& path) {
  const absl::StatusOr<struct stat> before = FactsOf(path);
  const absl::StatusOr<std::string> text = files::Read(path, kMostBytes);
  if (absl::IsNotFound(text.status())) {
    const std::lock_guard lock(mutex_);
    entries_.erase(path);
  }
  RETURN_IF_ERROR(text.status());
  const Blob blob = ParseBlob(path, *text);
  const absl::StatusOr<struct stat> after = FactsOf(path);
  if (blob.key != nullptr && before.ok() && after.ok() && Same(*before, *after) && !ChangedJustNow(*after)) {
    const std::lock_guard lock(mutex_);
    entries_.insert_or_assign(path, Entry{*after, blob});
  }
  return blob;
}

// The store's own directory is made when the first key needs it; an operator's, named by preloaded_keys, is
// not.
absl::Status BlobStore::MakeRoomFor(const std::string& path) {
  if (ParentOf(path) != directory_) return absl::OkStatus();
  for (const std::string& directory : {ParentOf(directory_), directory_}) {
    const auto make = [&] { return files::MakeDirectory(directory, kDirectoryMode); };
    RETURN_IF_ERROR(StoreFailed(unsynced_.During({&directory, 1}, make)));
    RETURN_IF_ERROR(StoreFailed(unsynced_.Settle(directory)));
  }
  return absl::OkStatus();
}

absl::Status BlobStore::Write(const KeyId& id, absl::string_view pem) {
  ASSIGN_OR_RETURN(const std::string path, PathOf(id));
  RETURN_IF_ERROR(MakeRoomFor(path));
  return StoreFailed(unsynced_.During({&path, 1}, [&] { return files::Replace(path, pem, kFileMode); }));
}

absl::Status BlobStore::Remove(const KeyId& id) {
  ASSIGN_OR_RETURN(const std::string path, PathOf(id));
  return StoreFailed(unsynced_.During({&path, 1}, [&] { return files::Remove(path); }));
}

absl::Status BlobStore::Rename(const KeyId& from, const KeyId& to) {
  ASSIGN_OR_RETURN(const std::string from_path, PathOf(from));
  ASSIGN_OR_RETURN(const std::string to_path, PathOf(to));
  RETURN_IF_ERROR(MakeRoomFor(to_path));
  const std::string changed[] = {from_path, to_path};
  return StoreFailed(unsynced_.During(changed, [&] { return files::Rename(from_path, to_path); }));
}

}  // namespace aziot::keyd::tpm2
