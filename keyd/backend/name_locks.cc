#include "keyd/backend/name_locks.h"

namespace aziot::keyd {

NameLocks::Guard NameLocks::Lock(const std::string& name) {
  Table::iterator entry;
  {
    std::lock_guard lock(mutex_);
    entry = table_.try_emplace(name).first;
    ++entry->second.users;
  }
  entry->second.mutex.lock();
  return Guard(this, entry);
}

void NameLocks::Unlock(Table::iterator entry) {
  entry->second.mutex.unlock();
  std::lock_guard lock(mutex_);
  if (--entry->second.users == 0) table_.erase(entry);
}

}  // namespace aziot::keyd
