// Files of wrapped keys, one directory for those we name, read once and again when they change. Nothing is
// told about a file that a power loss may still take back.
#pragma once

#include <sys/stat.h>

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "common/ids/id.h"
#include "keyd/backend/tpm2/tpm_key.h"
#include "keyd/backend/unsynced_names.h"

namespace aziot::keyd::tpm2 {

// What a file holds: a key, or why it is none.
struct Blob {
  std::shared_ptr<const TpmKey> key;
  bool empty = false;  // a file without a byte is no key that could be lost
  absl::Status fault;
};

// Thread-safe; who changes a file holds `changes()` from the look at it to the end.
class BlobStore {
 public:
  // `directory` is made when the first key needs it; "" for none. `preloaded`: paths that stand instead of
  // the computed ones.
  BlobStore(std::string directory, std::map<std::string, std::string> preloaded)
      : directory_(std::move(directory)), preloaded_(std::move(preloaded)) {}

  // Clears what a crash left of unfinished writes.
  void ClearLeftovers() const;

  // `<letters and digits of the id>-<sha256 of the id>.tpm`. kInvalidArgument when no file can stand for the
  // id.
  absl::StatusOr<std::string> PathOf(const KeyId& id) const;

  // kNotFound when there is no file.
  absl::StatusOr<Blob> Read(const KeyId& id);
  // What is known without opening a file.
  enum class Known { kAbsent, kCached, kUnknown };
  Known Look(const KeyId& id, std::shared_ptr<const TpmKey>* key);
  // A read may have to sync a directory first.
  bool MaySync() const { return unsynced_.Any(); }

  std::mutex& changes() { return changes_; }
  absl::Status Write(const KeyId& id, absl::string_view pem);
  absl::Status Remove(const KeyId& id);
  absl::Status Rename(const KeyId& from, const KeyId& to);

 private:
  struct Entry {
    struct stat facts {};
    Blob blob;
  };

  absl::Status MakeRoomFor(const std::string& path);
  absl::StatusOr<Blob> ReadFile(const std::string& path);
  std::optional<Blob> Cached(const std::string& path, const struct stat& facts);

  const std::string directory_;
  const std::map<std::string, std::string> preloaded_;
  std::mutex changes_;
  std::mutex mutex_;
  std::map<std::string, Entry> entries_;
  UnsyncedNames unsynced_;
};

}  // namespace aziot::keyd::tpm2
