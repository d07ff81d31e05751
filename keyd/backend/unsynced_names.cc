#include "keyd/backend/unsynced_names.h"

#include <iterator>

#include "common/files/location.h"
#include "common/status/status_macros.h"

namespace aziot::keyd {

std::string ParentOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

absl::Status UnsyncedNames::During(std::span<const std::string> paths,
                                   absl::FunctionRef<absl::Status()> change) {
  {
    std::lock_guard lock(mutex_);
    for (const std::string& path : paths) ++entries_[path].changing;
    any_.store(true, std::memory_order_release);
  }
  absl::Status status = change();
  std::lock_guard lock(mutex_);
  if (absl::IsDataLoss(status)) ++failures_;
  for (const std::string& path : paths) {
    const auto entry = entries_.find(path);
    --entry->second.changing;
    if (absl::IsDataLoss(status)) entry->second.failed = failures_;
    EraseWhenSafe(entry);
  }
  return status;
}

absl::Status UnsyncedNames::Settle(const std::string& path) {
  if (!Any()) return absl::OkStatus();
  uint64_t covered = 0;
  {
    std::lock_guard lock(mutex_);
    if (!entries_.contains(path)) return absl::OkStatus();
    covered = failures_;
  }
  const std::string directory = ParentOf(path);
  ASSIGN_OR_RETURN(const files::Descriptor opened, files::OpenDirectory(directory));
  RETURN_IF_ERROR(files::SyncDirectory(opened, directory));
  std::lock_guard lock(mutex_);
  // A failure counted later may be of a change made after this sync.
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    if (entry->second.failed <= covered && ParentOf(entry->first) == directory) entry->second.failed = 0;
    entry = EraseWhenSafe(entry);
  }
  return absl::OkStatus();
}

UnsyncedNames::Entries::iterator UnsyncedNames::EraseWhenSafe(Entries::iterator entry) {
  if (entry->second.changing > 0 || entry->second.failed > 0) return std::next(entry);
  entry = entries_.erase(entry);
  any_.store(!entries_.empty(), std::memory_order_release);
  return entry;
}

}  // namespace aziot::keyd
