#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/files/files.h"
#include "common/files/location.h"
#include "common/files/temporary_name.h"
#include "common/status/errno_status.h"
#include "common/status/status_macros.h"

namespace aziot::files {
namespace {

// A file under a name of its own until it is renamed; unlinked when that never happens.
class Temporary {
 public:
  static absl::StatusOr<Temporary> New(const Descriptor& directory, const Location& target) {
    for (int attempt = 0; attempt < 16; ++attempt) {
      std::string name = NewTemporaryName(target.name);
      Descriptor file(openat(directory.get(), name.c_str(),
                             O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
      if (file.ok()) return Temporary(directory, std::move(name), std::move(file));
      if (errno != EEXIST) break;
    }
    return ErrnoStatus(errno, absl::StrCat("create a file in ", target.directory));
  }
  Temporary(Temporary&& other) noexcept
      : directory_(other.directory_), name_(std::exchange(other.name_, {})), file_(std::move(other.file_)) {}
  Temporary& operator=(Temporary&&) = delete;
  ~Temporary() {
    if (!name_.empty()) unlinkat(directory_.get(), name_.c_str(), 0);
  }

  int fd() const { return file_.get(); }
  // errno is set when it fails.
  bool RenameTo(const std::string& name) {
    if (renameat(directory_.get(), name_.c_str(), directory_.get(), name.c_str()) != 0) return false;
    name_.clear();
    return true;
  }

 private:
  Temporary(const Descriptor& directory, std::string name, Descriptor file)
      : directory_(directory), name_(std::move(name)), file_(std::move(file)) {}

  const Descriptor& directory_;
  std::string name_;
  Descriptor file_;
};

absl::Status WriteAll(int fd, BytesView content, absl::string_view doing) {
  while (!content.empty()) {
    const ssize_t count = write(fd, content.data(), content.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoStatus(errno, doing);
    content = content.subspan(static_cast<size_t>(count));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Replace(absl::string_view path, BytesView content, mode_t mode, std::optional<Owner> owner) {
  const std::string doing = absl::StrCat("write ", path);
  ASSIGN_OR_RETURN(const Location target, Locate(path));
  ASSIGN_OR_RETURN(const Descriptor directory, OpenDirectory(target.directory));
  ASSIGN_OR_RETURN(Temporary file, Temporary::New(directory, target));
  // Owner first: chown takes set-id bits away. Both before the content, which nobody else may see meanwhile.
  if (owner.has_value() && fchown(file.fd(), owner->uid, owner->gid) != 0) return ErrnoStatus(errno, doing);
  if (fchmod(file.fd(), mode) != 0) return ErrnoStatus(errno, doing);
  RETURN_IF_ERROR(WriteAll(file.fd(), content, doing));
  if (fsync(file.fd()) != 0) return ErrnoStatus(errno, doing);
  if (!file.RenameTo(target.name)) return ErrnoStatus(errno, doing);
  return SyncDirectory(directory, target.directory);
}

absl::Status Rename(absl::string_view from, absl::string_view to) {
  ASSIGN_OR_RETURN(const Location source, Locate(from));
  ASSIGN_OR_RETURN(const Location target, Locate(to));
  ASSIGN_OR_RETURN(const Descriptor source_directory, OpenDirectory(source.directory));
  ASSIGN_OR_RETURN(const Descriptor target_directory, OpenDirectory(target.directory));
  if (renameat(source_directory.get(), source.name.c_str(), target_directory.get(), target.name.c_str()) !=
      0) {
    return ErrnoStatus(errno, absl::StrCat("rename ", from, " to ", to));
  }
  RETURN_IF_ERROR(SyncDirectory(target_directory, target.directory));
  return source.directory == target.directory ? absl::OkStatus()
                                              : SyncDirectory(source_directory, source.directory);
}

absl::Status Remove(absl::string_view path) {
  ASSIGN_OR_RETURN(const Location target, Locate(path));
  const absl::StatusOr<Descriptor> directory = OpenDirectory(target.directory);
  if (absl::IsNotFound(directory.status())) return absl::OkStatus();
  RETURN_IF_ERROR(directory.status());
  // Gone already may be gone by a call that could not sync.
  if (unlinkat(directory->get(), target.name.c_str(), 0) != 0 && errno != ENOENT) {
    return ErrnoStatus(errno, absl::StrCat("remove ", path));
  }
  return SyncDirectory(*directory, target.directory);
}

}  // namespace aziot::files
