#include "keyd/backend/file/key_cache.h"

#include <sys/stat.h>

#include "keyd/backend/file/key_paths.h"
#include "keyd/backend/unsynced_names.h"

namespace aziot::keyd::file {
namespace {

// Above what a device uses; with more, keys are read again now and then. The bytes leave most of the memory
// that is locked for secrets to contexts and to keys that are being read: when it is full, no key can be
// read.
constexpr size_t kMaxEntries = 1024;
constexpr size_t kMaxBytes = size_t{256} << 10;

}  // namespace

KeyCache::Content KeyCache::Find(const KeyId& id) {
  std::lock_guard lock(mutex_);
  ApplyChanges();
  const auto it = entries_.find(id);
  return it == entries_.end() ? nullptr : it->second.content;
}

KeyCache::Content KeyCache::Peek(const KeyId& id) const {
  std::lock_guard lock(mutex_);
  const auto it = entries_.find(id);
  return it == entries_.end() ? nullptr : it->second.content;
}

KeyCache::Ticket KeyCache::Begin(const std::string& path) {
  Ticket ticket;
  {
    std::lock_guard lock(mutex_);
    // First, so that the watch of a directory that was replaced is not taken for the new one's.
    ApplyChanges();
    ticket = {.watched = watch_.Cover(ParentOf(path)), .generation = generation_};
  }
  // The target of a link can change without an event in this directory.
  struct stat facts {};
  ticket.watched = ticket.watched && lstat(path.c_str(), &facts) == 0 && S_ISREG(facts.st_mode);
  return ticket;
}

void KeyCache::Insert(const KeyId& id, const std::string& path, Content content, const Ticket& ticket) {
  std::lock_guard lock(mutex_);
  ApplyChanges();
  if (!ticket.watched || ticket.generation != generation_ || changing_.contains(path)) return;
  const size_t size = content->file_size;
  if (size > kMaxBytes) return;
  if (const auto it = entries_.find(id); it != entries_.end()) Erase(it);
  while (!entries_.empty() && (entries_.size() >= kMaxEntries || bytes_ + size > kMaxBytes)) {
    Erase(entries_.begin());
  }
  entries_.emplace(id, Entry{path, std::move(content)});
  bytes_ += size;
}

void KeyCache::StartChange(const std::string& path) {
  std::lock_guard lock(mutex_);
  changing_.insert(path);
  Forget(path);
}

void KeyCache::EndChange(const std::string& path) {
  std::lock_guard lock(mutex_);
  changing_.erase(changing_.find(path));
  Forget(path);
}

void KeyCache::ApplyChanges() {
  const DirectoryWatch::Changes changes = watch_.Take();
  if (changes.everything) {
    ++generation_;
    entries_.clear();
    bytes_ = 0;
  }
  for (const std::string& path : changes.paths) Forget(path);
}

void KeyCache::Forget(const std::string& path) {
  ++generation_;
  for (auto it = entries_.begin(); it != entries_.end();) {
    const auto entry = it++;
    if (entry->second.path == path) Erase(entry);
  }
}

void KeyCache::Erase(Entries::iterator entry) {
  bytes_ -= entry->second.content->file_size;
  entries_.erase(entry);
}

}  // namespace aziot::keyd::file
