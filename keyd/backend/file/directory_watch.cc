#include "keyd/backend/file/directory_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <cstring>

namespace aziot::keyd::file {
namespace {

// No access or open events: a reader would wake itself.
constexpr uint32_t kEvents = IN_MODIFY | IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM |
                             IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

}  // namespace

DirectoryWatch::DirectoryWatch() : fd_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {}

DirectoryWatch::~DirectoryWatch() {
  if (fd_ >= 0) close(fd_);
}

bool DirectoryWatch::Cover(const std::string& directory) {
  for (const auto& [descriptor, name] : directories_) {
    if (name == directory) return true;
  }
  const int descriptor = fd_ < 0 ? -1 : inotify_add_watch(fd_, directory.c_str(), kEvents);
  if (descriptor < 0) return false;
  // Two names of one directory share a descriptor; events could then be reported under one name only.
  return directories_.emplace(descriptor, directory).second;
}

DirectoryWatch::Changes DirectoryWatch::Take() {
  Changes changes;
  alignas(inotify_event) char buffer[4096];
  for (ssize_t size; fd_ >= 0 && (size = read(fd_, buffer, sizeof buffer)) > 0;) {
    for (ssize_t at = 0; at < size;) {
      inotify_event event;
      std::memcpy(&event, buffer + at, sizeof event);
      const char* name = buffer + at + sizeof event;
      at += static_cast<ssize_t>(sizeof event + event.len);
      const auto directory = directories_.find(event.wd);
      if ((event.mask & IN_Q_OVERFLOW) != 0) {
        changes.everything = true;
      } else if (directory == directories_.end()) {
        continue;
      } else if ((event.mask & (IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT)) != 0) {
        changes.everything = true;
        inotify_rm_watch(fd_, event.wd);
        directories_.erase(directory);
      } else if (event.len > 0) {
        changes.paths.push_back((directory->second == "/" ? "" : directory->second) + "/" + name);
      }
    }
  }
  return changes;
}

}  // namespace aziot::keyd::file
