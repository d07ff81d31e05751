#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "common/files/descriptor.h"
#include "common/files/files.h"
#include "common/status/errno_status.h"
#include "common/status/status_macros.h"

namespace aziot::files {
namespace {

struct OpenFile {
  Descriptor descriptor;
  size_t size;
};

absl::Status TooLarge(absl::string_view path, size_t limit) {
  return absl::OutOfRangeError(absl::StrCat("read ", path, ": larger than ", limit, " bytes"));
}

absl::StatusOr<OpenFile> Open(absl::string_view path, size_t limit) {
  if (path.find('\0') != absl::string_view::npos)
    return absl::InvalidArgumentError("a path with a NUL in it");
  const std::string doing = absl::StrCat("read ", path);
  // Without O_NONBLOCK a pipe at this path would hold the caller until someone writes to it.
  Descriptor descriptor(open(std::string(path).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!descriptor.ok()) {
    if (errno == ENXIO) return absl::FailedPreconditionError(absl::StrCat(doing, ": not a regular file"));
    return ErrnoStatus(errno, doing);
  }
  struct stat info;
  if (fstat(descriptor.get(), &info) != 0) return ErrnoStatus(errno, doing);
  if (!S_ISREG(info.st_mode))
    return absl::FailedPreconditionError(absl::StrCat(doing, ": not a regular file"));
  const auto size = static_cast<uint64_t>(info.st_size);
  if (size > limit) return TooLarge(path, limit);
  return OpenFile{std::move(descriptor), static_cast<size_t>(size)};
}

// Fills `buffer` from the file's position; fewer bytes only at its end.
absl::StatusOr<size_t> Fill(const Descriptor& descriptor, std::span<uint8_t> buffer, absl::string_view path) {
  size_t filled = 0;
  while (filled < buffer.size()) {
    const ssize_t count = read(descriptor.get(), buffer.data() + filled, buffer.size() - filled);
    if (count == 0) break;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoStatus(errno, absl::StrCat("read ", path));
    filled += static_cast<size_t>(count);
  }
  return filled;
}

// The next size to try for a file that was larger than it said: it is growing, or the kernel makes it up
// (/proc).
size_t Grown(size_t size, size_t limit) { return std::min(std::max<size_t>(size * 2, 4096), limit + 1); }

}  // namespace

absl::StatusOr<std::string> Read(absl::string_view path, size_t limit) {
  ASSIGN_OR_RETURN(const OpenFile file, Open(path, limit));
  std::string content;
  size_t filled = 0;
  for (size_t capacity = file.size + 1;; capacity = Grown(capacity, limit)) {
    content.resize(capacity);
    const std::span<uint8_t> rest(reinterpret_cast<uint8_t*>(content.data()) + filled, capacity - filled);
    ASSIGN_OR_RETURN(const size_t count, Fill(file.descriptor, rest, path));
    filled += count;
    if (filled > limit) return TooLarge(path, limit);
    if (filled < capacity) break;
  }
  content.resize(filled);
  return content;
}

absl::StatusOr<Secret> ReadSecret(absl::string_view path, size_t limit) {
  ASSIGN_OR_RETURN(const OpenFile file, Open(path, limit));
  Secret content = Secret::OfSize(file.size + 1);
  size_t filled = 0;
  while (true) {
    ASSIGN_OR_RETURN(const size_t count,
                     Fill(file.descriptor, content.ExposeForWriting().subspan(filled), path));
    filled += count;
    if (filled > limit) return TooLarge(path, limit);
    if (filled < content.size()) return Secret(content.Expose().first(filled));
    Secret larger = Secret::OfSize(Grown(content.size(), limit));
    std::memcpy(larger.ExposeForWriting().data(), content.Expose().data(), filled);
    content = std::move(larger);
  }
}

bool Exists(absl::string_view path) {
  struct stat info;
  return stat(std::string(path).c_str(), &info) == 0;
}

}  // namespace aziot::files
