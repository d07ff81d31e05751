#include "keyd/backend/file/path_locks.h"

namespace aziot::keyd::file {

PathLocks::Guard PathLocks::Lock(const std::string& path) {
  Table::iterator entry;
  {
    std::lock_guard lock(mutex_);
    entry = table_.try_emplace(path).first;
    ++entry->second.users;
  }
  entry->second.mutex.lock();
  return Guard(this, entry);
}

void PathLocks::Unlock(Table::iterator entry) {
  entry->second.mutex.unlock();
  std::lock_guard lock(mutex_);
  if (--entry->second.users == 0) table_.erase(entry);
}

}  // namespace aziot::keyd::file
