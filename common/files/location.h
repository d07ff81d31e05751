// A path taken apart for the *at system calls: the directory that must be synced, and the name in it.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/files/descriptor.h"

namespace aziot::files {

struct Location {
  std::string directory;
  std::string name;
};

// Trailing slashes are ignored. kInvalidArgument for a path without a last name ("", "/", ".", "..") or with
// a NUL.
absl::StatusOr<Location> Locate(absl::string_view path);

absl::StatusOr<Descriptor> OpenDirectory(const std::string& path);

// kDataLoss: names that were changed in it are, but a power loss may take them back.
absl::Status SyncDirectory(const Descriptor& directory, absl::string_view path);

}  // namespace aziot::files
