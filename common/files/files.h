// Files that survive: whole reads with a bound, and writes that leave the old content or the new one,
// whatever instruction the process dies at (temporary file in the same directory, fsync, rename, fsync of the
// directory). What fails with kDataLoss is done, but not safe: the directory could not be synced.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/bytes/bytes.h"
#include "common/bytes/secret.h"

namespace aziot::files {

constexpr size_t kDefaultLimit = size_t{4} << 20;

// The whole file. kNotFound, kPermissionDenied, kFailedPrecondition for what is no regular file, kOutOfRange
// when it is larger than `limit`.
absl::StatusOr<std::string> Read(absl::string_view path, size_t limit = kDefaultLimit);
// The same straight into locked memory.
absl::StatusOr<Secret> ReadSecret(absl::string_view path, size_t limit = kDefaultLimit);

struct Owner {
  uid_t uid;
  gid_t gid;
};

// Creates or replaces `path` durably with `mode` (and `owner`, which needs root). A symbolic link at `path`
// is replaced, not followed.
absl::Status Replace(absl::string_view path, BytesView content, mode_t mode,
                     std::optional<Owner> owner = std::nullopt);
inline absl::Status Replace(absl::string_view path, absl::string_view content, mode_t mode,
                            std::optional<Owner> owner = std::nullopt) {
  return Replace(path, ToBytesView(content), mode, owner);
}

// rename(2) and fsync of the directories; replaces `to`. Both on one file system.
absl::Status Rename(absl::string_view from, absl::string_view to);

// Removes a file durably. OK when it is gone already.
absl::Status Remove(absl::string_view path);

// Makes the directory, and missing parents with mode 0755, when it is not there. An existing one keeps its
// mode.
absl::Status MakeDirectory(absl::string_view path, mode_t mode, std::optional<Owner> owner = std::nullopt);

// Removes a directory with all in it, without following links. OK when it is gone already.
absl::Status RemoveTree(absl::string_view path);

// Names in a directory, sorted bytewise, without "." and "..".
absl::StatusOr<std::vector<std::string>> List(absl::string_view directory);

bool Exists(absl::string_view path);

// Temporary files of Replace that a crash left in `directory` are removed; called by the one who writes
// there, when it opens the store. OK when the directory is not there yet.
absl::Status RemoveLeftovers(absl::string_view directory);

}  // namespace aziot::files
