// Keys that were read and parsed once, until their file changes: by us (Change) or by anyone else
// (DirectoryWatch).
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "common/ids/id.h"
#include "keyd/backend/file/directory_watch.h"
#include "keyd/backend/file/key_content.h"

namespace aziot::keyd::file {

// Thread-safe. The lock is held for look-ups and one non-blocking read of the event queue, never across a
// file or crypto.
class KeyCache {
 public:
  using Content = std::shared_ptr<const KeyContent>;

  // nullptr when the key is not in memory, or its file changed since it was read.
  Content Find(const KeyId& id);
  // As Find, without looking for changes: for choosing the lane of a use.
  Content Peek(const KeyId& id) const;

  // Reading a file is Begin, read, Insert: a change between Begin and Insert makes Insert keep nothing.
  struct Ticket {
    bool watched = false;
    uint64_t generation = 0;
  };
  Ticket Begin(const std::string& path);
  void Insert(const KeyId& id, const std::string& path, Content content, const Ticket& ticket);

  // While it lives nothing is kept of `path`: what is written, but not safe on the disk yet, must not make a
  // creation succeed at once. What was kept is dropped.
  class [[nodiscard]] Change {
   public:
    Change(KeyCache& cache, const std::string& path) : cache_(cache), path_(path) {
      cache_.StartChange(path_);
    }
    Change(const Change&) = delete;
    Change& operator=(const Change&) = delete;
    ~Change() { cache_.EndChange(path_); }

   private:
    KeyCache& cache_;
    const std::string path_;
  };

 private:
  struct Entry {
    std::string path;
    Content content;
  };
  using Entries = absl::flat_hash_map<KeyId, Entry>;

  void StartChange(const std::string& path);
  void EndChange(const std::string& path);
  void ApplyChanges();
  void Forget(const std::string& path);
  void Erase(Entries::iterator entry);

  mutable std::mutex mutex_;
  DirectoryWatch watch_;
  uint64_t generation_ = 0;  // moves with every change
  Entries entries_;
  std::multiset<std::string> changing_;
  size_t bytes_ = 0;  // of the entries' files
};

}  // namespace aziot::keyd::file
