// One lock per key, for those who change it: changes of different keys do not wait for each other.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace aziot::keyd::pkcs11 {

class KeyLocks {
  struct Entry {
    std::mutex mutex;
    int users = 0;
  };
  using Table = std::map<std::string, Entry>;

 public:
  class [[nodiscard]] Guard {
   public:
    Guard(Guard&& other) noexcept : locks_(std::exchange(other.locks_, nullptr)), entry_(other.entry_) {}
    Guard& operator=(Guard&&) = delete;
    ~Guard() {
      if (locks_ != nullptr) locks_->Unlock(entry_);
    }

   private:
    friend class KeyLocks;
    Guard(KeyLocks* locks, Table::iterator entry) : locks_(locks), entry_(entry) {}
    KeyLocks* locks_;
    Table::iterator entry_;
  };

  // Waits until nobody else holds `key`. Never inside Token::Run, whose remedies wait for its callers. Who
  // takes two takes the smaller one first.
  Guard Lock(const std::string& key) {
    Table::iterator entry;
    {
      std::lock_guard lock(mutex_);
      entry = table_.try_emplace(key).first;
      ++entry->second.users;
    }
    entry->second.mutex.lock();
    return Guard(this, entry);
  }

 private:
  void Unlock(Table::iterator entry) {
    entry->second.mutex.unlock();
    std::lock_guard lock(mutex_);
    if (--entry->second.users == 0) table_.erase(entry);
  }

  std::mutex mutex_;
  Table table_;
};

}  // namespace aziot::keyd::pkcs11
