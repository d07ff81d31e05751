// One lock per key file, for those who change it. Changes of different keys do not wait for each other;
// readers take none.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace aziot::keyd::file {

class PathLocks {
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
    friend class PathLocks;
    Guard(PathLocks* locks, Table::iterator entry) : locks_(locks), entry_(entry) {}
    PathLocks* locks_;
    Table::iterator entry_;
  };

  // Waits until nobody else holds `path`. Who takes two takes the smaller one first.
  Guard Lock(const std::string& path);

 private:
  void Unlock(Table::iterator entry);

  std::mutex mutex_;
  Table table_;
};

}  // namespace aziot::keyd::file
