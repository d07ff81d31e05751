#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "absl/strings/str_cat.h"
#include "common/files/files.h"
#include "common/files/location.h"
#include "common/files/temporary_name.h"
#include "common/status/errno_status.h"
#include "common/status/status_macros.h"

namespace aziot::files {
namespace {

constexpr mode_t kParentMode = 0755;

struct CloseDirectory {
  void operator()(DIR* p) const noexcept { closedir(p); }
};

absl::StatusOr<std::vector<std::string>> NamesIn(Descriptor directory, absl::string_view path) {
  const std::unique_ptr<DIR, CloseDirectory> stream(fdopendir(directory.get()));
  if (stream == nullptr) return ErrnoStatus(errno, absl::StrCat("list ", path));
  directory.Release();  // the stream's now
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = readdir(stream.get())) {
    const absl::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
    errno = 0;
  }
  if (errno != 0) return ErrnoStatus(errno, absl::StrCat("list ", path));
  std::sort(names.begin(), names.end());
  return names;
}

// `path` is for messages only.
absl::Status RemoveAt(const Descriptor& parent, const std::string& name, const std::string& path) {
  const std::string doing = absl::StrCat("remove ", path);
  if (unlinkat(parent.get(), name.c_str(), 0) == 0 || errno == ENOENT) return absl::OkStatus();
  if (errno != EISDIR) return ErrnoStatus(errno, doing);
  const Descriptor directory(
      openat(parent.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory.ok()) return ErrnoStatus(errno, doing);
  Descriptor listed(fcntl(directory.get(), F_DUPFD_CLOEXEC, 0));
  if (!listed.ok()) return ErrnoStatus(errno, doing);
  ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(std::move(listed), path));
  for (const std::string& child : names)
    RETURN_IF_ERROR(RemoveAt(directory, child, absl::StrCat(path, "/", child)));
  if (unlinkat(parent.get(), name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT)
    return ErrnoStatus(errno, doing);
  return absl::OkStatus();
}

absl::Status MakeOne(const Descriptor& parent, const Location& location, mode_t mode,
                     std::optional<Owner> owner) {
  const std::string doing = absl::StrCat("make directory ", location.directory, "/", location.name);
  // Closed to others until owner and mode are right; mkdir would also apply the umask.
  if (mkdirat(parent.get(), location.name.c_str(), S_IRWXU) != 0) {
    // Another process was faster: its mode stays.
    return errno == EEXIST ? absl::OkStatus() : ErrnoStatus(errno, doing);
  }
  const auto finish = [&]() -> absl::Status {
    const Descriptor made(
        openat(parent.get(), location.name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!made.ok()) return ErrnoStatus(errno, doing);
    if (owner.has_value() && fchown(made.get(), owner->uid, owner->gid) != 0)
      return ErrnoStatus(errno, doing);
    if (fchmod(made.get(), mode) != 0) return ErrnoStatus(errno, doing);
    return SyncDirectory(parent, location.directory);
  };
  absl::Status status = finish();
  // So that a repetition makes it whole, instead of finding it. A directory that stays is kDataLoss.
  if (!status.ok() && unlinkat(parent.get(), location.name.c_str(), AT_REMOVEDIR) != 0) {
    return absl::DataLossError(status.message());
  }
  return status;
}

}  // namespace

absl::Status MakeDirectory(absl::string_view path, mode_t mode, std::optional<Owner> owner) {
  struct stat info;
  if (stat(std::string(path).c_str(), &info) == 0) {
    if (S_ISDIR(info.st_mode)) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat("make directory ", path, ": something else stands there"));
  }
  if (errno != ENOENT) return ErrnoStatus(errno, absl::StrCat("make directory ", path));
  ASSIGN_OR_RETURN(const Location location, Locate(path));
  RETURN_IF_ERROR(MakeDirectory(location.directory, kParentMode));
  ASSIGN_OR_RETURN(const Descriptor parent, OpenDirectory(location.directory));
  return MakeOne(parent, location, mode, owner);
}

absl::Status RemoveTree(absl::string_view path) {
  ASSIGN_OR_RETURN(const Location location, Locate(path));
  const absl::StatusOr<Descriptor> parent = OpenDirectory(location.directory);
  if (absl::IsNotFound(parent.status())) return absl::OkStatus();
  RETURN_IF_ERROR(parent.status());
  RETURN_IF_ERROR(RemoveAt(*parent, location.name, std::string(path)));
  return SyncDirectory(*parent, location.directory);
}

absl::StatusOr<std::vector<std::string>> List(absl::string_view directory) {
  ASSIGN_OR_RETURN(Descriptor opened, OpenDirectory(std::string(directory)));
  return NamesIn(std::move(opened), directory);
}

absl::Status RemoveLeftovers(absl::string_view directory) {
  const std::string path(directory);
  const absl::StatusOr<Descriptor> opened = OpenDirectory(path);
  if (absl::IsNotFound(opened.status())) return absl::OkStatus();
  RETURN_IF_ERROR(opened.status());
  ASSIGN_OR_RETURN(const std::vector<std::string> names, List(directory));
  for (const std::string& name : names) {
    struct stat info;
    if (!IsTemporaryName(name) || fstatat(opened->get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(info.st_mode)) {
      continue;
    }
    if (unlinkat(opened->get(), name.c_str(), 0) != 0 && errno != ENOENT) {
      return ErrnoStatus(errno, absl::StrCat("remove ", path, "/", name));
    }
  }
  return absl::OkStatus();
}

}  // namespace aziot::files
