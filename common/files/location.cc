#include "common/files/location.h"

#include <fcntl.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "common/status/errno_status.h"

namespace aziot::files {

absl::StatusOr<Location> Locate(absl::string_view path) {
  if (path.find('\0') != absl::string_view::npos)
    return absl::InvalidArgumentError("a path with a NUL in it");
  absl::string_view rest = path;
  while (rest.size() > 1 && rest.back() == '/') rest.remove_suffix(1);
  const size_t slash = rest.rfind('/');
  Location location;
  if (slash == absl::string_view::npos) {
    location = {".", std::string(rest)};
  } else {
    location = {std::string(rest.substr(0, slash == 0 ? 1 : slash)), std::string(rest.substr(slash + 1))};
  }
  if (location.name.empty() || location.name == "." || location.name == "..") {
    return absl::InvalidArgumentError(absl::StrCat("'", path, "' names no file"));
  }
  return location;
}

absl::StatusOr<Descriptor> OpenDirectory(const std::string& path) {
  Descriptor directory(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.ok()) return ErrnoStatus(errno, absl::StrCat("open directory ", path));
  return directory;
}

absl::Status SyncDirectory(const Descriptor& directory, absl::string_view path) {
  if (fsync(directory.get()) == 0) return absl::OkStatus();
  return absl::DataLossError(ErrnoStatus(errno, absl::StrCat("sync directory ", path)).message());
}

}  // namespace aziot::files
