// Preloaded into a daemon: records the system calls that change files, or lets chosen ones fail. Each
// function here stands before libc's and goes on to the kernel by itself.
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tests/faults/fault_control.h"

namespace aziot::tests::faults {
namespace {

Control* control = nullptr;

__attribute__((constructor)) void MapControl() {
  const char* path = std::getenv("AZIOT_FAULTS");
  if (path == nullptr) return;
  const int fd = static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0));
  if (fd < 0) std::abort();
  void* memory = mmap(nullptr, sizeof(Control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) std::abort();
  close(fd);
  control = static_cast<Control*>(memory);
}

bool Active() { return control != nullptr && control->mode.load(std::memory_order_acquire) != Mode::kOff; }

// An absolute path in a buffer of its own: no allocation, which a daemon would not have made either.
struct Path {
  char text[PATH_MAX] = "";

  static Path OfDescriptor(int fd) {
    Path path;
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const long size = syscall(SYS_readlinkat, AT_FDCWD, link, path.text, sizeof path.text - 1);
    path.text[size < 0 ? 0 : size] = '\0';
    return path;
  }
  static Path Of(int directory, const char* name) {
    Path path;
    if (name[0] == '/') {
      snprintf(path.text, sizeof path.text, "%s", name);
      return path;
    }
    const Path parent = directory == AT_FDCWD ? OfWorkingDirectory() : OfDescriptor(directory);
    if (strlen(parent.text) + strlen(name) + 2 > sizeof path.text) return path;
    strcpy(path.text, parent.text);
    strcat(path.text, "/");
    strcat(path.text, name);
    return path;
  }
  static Path OfWorkingDirectory() {
    Path path;
    if (syscall(SYS_getcwd, path.text, sizeof path.text) < 0) path.text[0] = '\0';
    return path;
  }
  bool Concerns() const { return strncmp(text, control->prefix, strlen(control->prefix)) == 0; }
};

// True: this call is to fail; errno is set.
bool Fails() {
  if (control->mode.load(std::memory_order_acquire) != Mode::kFail) return false;
  const int number = control->calls.fetch_add(1);
  if (number < control->fail_from || number >= control->fail_until) return false;
  control->failed.fetch_add(1);
  errno = control->error;
  return true;
}

void Append(const void* data, uint32_t size) {
  memcpy(control->log + control->log_size, data, size);
  control->log_size += size;
}

void Record(Call call, const char* path, const char* other, uint32_t number, const void* data, size_t size) {
  if (control->mode.load(std::memory_order_acquire) == Mode::kOff) return;
  const int kept = errno;
  while (control->writing.test_and_set(std::memory_order_acquire)) {
  }
  const RecordHead head = {.call = call,
                           .number = number,
                           .path_size = static_cast<uint32_t>(strlen(path)),
                           .other_size = static_cast<uint32_t>(strlen(other)),
                           .data_size = static_cast<uint32_t>(size)};
  if (control->log_size + sizeof head + head.path_size + head.other_size + size > kLogBytes) std::abort();
  Append(&head, sizeof head);
  Append(path, head.path_size);
  Append(other, head.other_size);
  if (size > 0) Append(data, head.data_size);
  control->writing.clear(std::memory_order_release);
  errno = kept;
}

int Open(int directory, const char* name, int flags, mode_t mode) {
  const auto go_on = [&] { return static_cast<int>(syscall(SYS_openat, directory, name, flags, mode)); };
  if (!Active()) return go_on();
  const Path path = Path::Of(directory, name);
  if (!path.Concerns()) return go_on();
  if (Fails()) return -1;
  struct stat facts;
  const bool existed = syscall(SYS_newfstatat, directory, name, &facts, AT_SYMLINK_NOFOLLOW) == 0;
  const int fd = go_on();
  if (fd < 0) return fd;
  if ((flags & O_CREAT) != 0 && !existed) Record(Call::kCreate, path.text, "", mode, nullptr, 0);
  if ((flags & O_TRUNC) != 0 && existed) Record(Call::kTruncate, path.text, "", 0, nullptr, 0);
  return fd;
}

template <class GoOn>
int OnDescriptor(int fd, Call call, uint32_t number, GoOn go_on) {
  if (!Active()) return go_on();
  const Path path = Path::OfDescriptor(fd);
  if (!path.Concerns()) return go_on();
  if (Fails()) return -1;
  const int result = go_on();
  if (result == 0) Record(call, path.text, "", number, nullptr, 0);
  return result;
}

template <class GoOn>
int OnName(int directory, const char* name, Call call, uint32_t number, GoOn go_on) {
  if (!Active()) return go_on();
  const Path path = Path::Of(directory, name);
  if (!path.Concerns()) return go_on();
  if (Fails()) return -1;
  const int result = go_on();
  if (result == 0) Record(call, path.text, "", number, nullptr, 0);
  return result;
}

template <class GoOn>
int OnTwoNames(Call call, int directory, const char* name, int other_directory, const char* other_name,
               GoOn go_on) {
  if (!Active()) return go_on();
  const Path path = Path::Of(directory, name);
  const Path other = Path::Of(other_directory, other_name);
  if (!path.Concerns() && !other.Concerns()) return go_on();
  if (Fails()) return -1;
  const int result = go_on();
  if (result == 0) Record(call, path.text, other.text, 0, nullptr, 0);
  return result;
}

mode_t ModeArgument(int flags, va_list arguments) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}

}  // namespace
}  // namespace aziot::tests::faults

using namespace aziot::tests::faults;

#define INTERPOSED extern "C" __attribute__((visibility("default")))

INTERPOSED int open(const char* name, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = ModeArgument(flags, arguments);
  va_end(arguments);
  return Open(AT_FDCWD, name, flags, mode);
}
INTERPOSED int open64(const char* name, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = ModeArgument(flags, arguments);
  va_end(arguments);
  return Open(AT_FDCWD, name, flags, mode);
}
INTERPOSED int openat(int directory, const char* name, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = ModeArgument(flags, arguments);
  va_end(arguments);
  return Open(directory, name, flags, mode);
}
INTERPOSED int openat64(int directory, const char* name, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = ModeArgument(flags, arguments);
  va_end(arguments);
  return Open(directory, name, flags, mode);
}
INTERPOSED int creat(const char* name, mode_t mode) {
  return Open(AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

INTERPOSED ssize_t read(int fd, void* buffer, size_t size) {
  if (Active() && Path::OfDescriptor(fd).Concerns() && Fails()) return -1;
  return syscall(SYS_read, fd, buffer, size);
}

INTERPOSED ssize_t write(int fd, const void* data, size_t size) {
  if (!Active()) return syscall(SYS_write, fd, data, size);
  const Path path = Path::OfDescriptor(fd);
  if (!path.Concerns()) return syscall(SYS_write, fd, data, size);
  if (Fails()) return -1;
  const ssize_t written = syscall(SYS_write, fd, data, size);
  if (written > 0) Record(Call::kWrite, path.text, "", 0, data, static_cast<size_t>(written));
  return written;
}
// Positions are not modelled; nobody here writes so.
INTERPOSED ssize_t pwrite(int fd, const void* data, size_t size, off_t offset) {
  if (Active() && Path::OfDescriptor(fd).Concerns()) std::abort();
  return syscall(SYS_pwrite64, fd, data, size, offset);
}
INTERPOSED ssize_t writev(int fd, const iovec* parts, int count) {
  if (Active() && Path::OfDescriptor(fd).Concerns()) std::abort();
  return syscall(SYS_writev, fd, parts, count);
}

// Changes nothing, so that only faults concern it.
INTERPOSED int fstatat(int directory, const char* name, struct stat* facts, int flags) noexcept {
  if (Active() && name[0] != '\0' && Path::Of(directory, name).Concerns() && Fails()) return -1;
  return static_cast<int>(syscall(SYS_newfstatat, directory, name, facts, flags));
}
INTERPOSED int stat(const char* name, struct stat* facts) noexcept {
  return fstatat(AT_FDCWD, name, facts, 0);
}
INTERPOSED int lstat(const char* name, struct stat* facts) noexcept {
  return fstatat(AT_FDCWD, name, facts, AT_SYMLINK_NOFOLLOW);
}
INTERPOSED int fstat(int fd, struct stat* facts) noexcept {
  if (Active() && Path::OfDescriptor(fd).Concerns() && Fails()) return -1;
  return static_cast<int>(syscall(SYS_newfstatat, fd, "", facts, AT_EMPTY_PATH));
}
INTERPOSED DIR* fdopendir(int fd) {
  if (Active() && Path::OfDescriptor(fd).Concerns() && Fails()) return nullptr;
  using Function = DIR*(int);
  static Function* const next = reinterpret_cast<Function*>(dlsym(RTLD_NEXT, "fdopendir"));
  return next(fd);
}

INTERPOSED int fsync(int fd) {
  return OnDescriptor(fd, Call::kSync, 0, [&] { return static_cast<int>(syscall(SYS_fsync, fd)); });
}
INTERPOSED int fdatasync(int fd) {
  return OnDescriptor(fd, Call::kSync, 0, [&] { return static_cast<int>(syscall(SYS_fdatasync, fd)); });
}
INTERPOSED int ftruncate(int fd, off_t size) noexcept {
  return OnDescriptor(fd, Call::kTruncate, static_cast<uint32_t>(size),
                      [&] { return static_cast<int>(syscall(SYS_ftruncate, fd, size)); });
}
INTERPOSED int fchmod(int fd, mode_t mode) noexcept {
  return OnDescriptor(fd, Call::kMode, mode, [&] { return static_cast<int>(syscall(SYS_fchmod, fd, mode)); });
}

INTERPOSED int renameat(int from_directory, const char* from, int to_directory, const char* to) noexcept {
  return OnTwoNames(Call::kRename, from_directory, from, to_directory, to, [&] {
    return static_cast<int>(syscall(SYS_renameat2, from_directory, from, to_directory, to, 0));
  });
}
INTERPOSED int rename(const char* from, const char* to) noexcept {
  return renameat(AT_FDCWD, from, AT_FDCWD, to);
}
INTERPOSED int linkat(int from_directory, const char* from, int to_directory, const char* to,
                      int flags) noexcept {
  return OnTwoNames(Call::kLink, from_directory, from, to_directory, to, [&] {
    return static_cast<int>(syscall(SYS_linkat, from_directory, from, to_directory, to, flags));
  });
}
INTERPOSED int link(const char* from, const char* to) noexcept {
  return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}
INTERPOSED int unlinkat(int directory, const char* name, int flags) noexcept {
  return OnName(directory, name, flags == AT_REMOVEDIR ? Call::kRemoveDirectory : Call::kUnlink, 0,
                [&] { return static_cast<int>(syscall(SYS_unlinkat, directory, name, flags)); });
}
INTERPOSED int unlink(const char* name) noexcept { return unlinkat(AT_FDCWD, name, 0); }
INTERPOSED int rmdir(const char* name) noexcept { return unlinkat(AT_FDCWD, name, AT_REMOVEDIR); }
INTERPOSED int mkdirat(int directory, const char* name, mode_t mode) noexcept {
  return OnName(directory, name, Call::kMakeDirectory, mode,
                [&] { return static_cast<int>(syscall(SYS_mkdirat, directory, name, mode)); });
}
INTERPOSED int mkdir(const char* name, mode_t mode) noexcept { return mkdirat(AT_FDCWD, name, mode); }
