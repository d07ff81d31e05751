// One lock per name (a key's file, a token's object), for those who change what it names. Changes of
// different keys do not wait for each other; readers take none.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace aziot::keyd {

class NameLocks {
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
    friend class NameLocks;
    Guard(NameLocks* locks, Table::iterator entry) : locks_(locks), entry_(entry) {}
    NameLocks* locks_;
    Table::iterator entry_;
  };

  // Waits until nobody else holds `name`. Who takes two takes the smaller one first.
  Guard Lock(const std::string& name);

 private:
  void Unlock(Table::iterator entry);

  std::mutex mutex_;
  Table table_;
};

}  // namespace aziot::keyd
