#include "keyd/backend/tpm2/unsynced.h"

#include "common/files/location.h"
#include "common/status/status_macros.h"

namespace aziot::keyd::tpm2 {

absl::Status Unsynced::During(const std::string& directory, absl::FunctionRef<absl::Status()> change) {
  {
    const std::lock_guard lock(mutex_);
    ++entries_[directory].changing;
    any_.store(true, std::memory_order_release);
  }
  const absl::Status status = change();
  const std::lock_guard lock(mutex_);
  const auto entry = entries_.find(directory);
  --entry->second.changing;
  if (absl::IsDataLoss(status)) entry->second.failed = true;
  if (entry->second.changing == 0 && !entry->second.failed) entries_.erase(entry);
  any_.store(!entries_.empty(), std::memory_order_release);
  return status;
}

absl::Status Unsynced::Settle(const std::string& directory) {
  if (!Any()) return absl::OkStatus();
  {
    const std::lock_guard lock(mutex_);
    const auto entry = entries_.find(directory);
    if (entry == entries_.end()) return absl::OkStatus();
    entry->second.failed = false;  // a failure from here on is a new one
  }
  const auto sync = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const files::Descriptor opened, files::OpenDirectory(directory));
    return files::SyncDirectory(opened, directory);
  };
  const absl::Status synced = sync();
  const std::lock_guard lock(mutex_);
  if (!synced.ok()) {
    entries_[directory].failed = true;
  } else if (const auto entry = entries_.find(directory);
             entry != entries_.end() && entry->second.changing == 0 && !entry->second.failed) {
    entries_.erase(entry);
  }
  any_.store(!entries_.empty(), std::memory_order_release);
  return synced;
}

}  // namespace aziot::keyd::tpm2
