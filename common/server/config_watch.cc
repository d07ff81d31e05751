#include "common/server/config_watch.h"

#include <sys/inotify.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "common/status/errno_status.h"

namespace aziot::server {
namespace {

constexpr uint32_t kChanges = IN_CLOSE_WRITE | IN_ATTRIB | IN_CREATE | IN_DELETE | IN_MOVED_FROM |
                              IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF;

}  // namespace

absl::StatusOr<ConfigWatch> ConfigWatch::New(std::vector<std::string> paths) {
  net::UniqueFd inotify(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!inotify) return ErrnoStatus(errno, "inotify_init1");
  return ConfigWatch(std::move(inotify), std::move(paths));
}

ConfigWatch::ConfigWatch(net::UniqueFd inotify, std::vector<std::string> paths)
    : inotify_(std::move(inotify)), paths_(std::move(paths)) {
  Watch();
}

void ConfigWatch::Watch() {
  watches_.clear();
  for (const std::string& text : paths_) {
    const std::filesystem::path path = std::filesystem::path(text).lexically_normal();
    std::error_code ignored;  // what cannot be looked at is not there
    Add(path, "");
    std::filesystem::path child = path;
    while (child.has_parent_path() && child != child.parent_path()) {
      const std::filesystem::path parent = child.parent_path();
      Add(parent, child.filename());
      if (std::filesystem::is_directory(parent, ignored)) break;
      child = parent;
    }
  }
}

void ConfigWatch::Add(const std::string& directory, const std::string& name) {
  const int watch = inotify_add_watch(inotify_.get(), directory.c_str(), kChanges);
  if (watch >= 0) watches_[watch].insert(name);
}

bool ConfigWatch::Changed() {
  bool changed = false;
  alignas(inotify_event) char buffer[4096];
  ssize_t count;
  while ((count = read(inotify_.get(), buffer, sizeof buffer)) > 0) {
    for (ssize_t at = 0; at < count;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
      if ((event->mask & IN_Q_OVERFLOW) != 0) changed = true;
      const auto watch = watches_.find(event->wd);
      if (watch == watches_.end() || (event->mask & IN_IGNORED) != 0) continue;
      const std::string name = event->len == 0 ? "" : event->name;
      // A directory that goes takes its watch along: what replaces it must be waited for elsewhere.
      changed = changed || (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF)) != 0 ||
                watch->second.count("") != 0 || watch->second.count(name) != 0;
    }
  }
  // Files that were replaced, and directories that have come, are new to inotify.
  if (changed) Watch();
  return changed;
}

}  // namespace aziot::server
