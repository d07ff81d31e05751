// What a disk may hold after power was lost: from a directory as it was and the calls that followed, every
// state that the kernel's promises allow. Content is safe from the fsync of its file on, a name from the
// fsync of its directory on; until then names reach the disk in the order of the calls, as many as happen to,
// and content not at all, in part, as zeros, or whole.
#pragma once

#include <sys/types.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/faults/injector.h"

namespace aziot::tests::faults {

struct DiskEntry {
  bool is_directory = false;
  mode_t mode = 0;
  uid_t uid = 0;
  gid_t gid = 0;
  std::string content;
  friend auto operator<=>(const DiskEntry&, const DiskEntry&) = default;
};
// By path relative to the directory.
using Disk = std::map<std::string, DiskEntry>;

Disk ReadDisk(const std::string& directory);
// Replaces all in `directory` (which stays).
void WriteDisk(const Disk& disk, const std::string& directory);

struct CrashStates {
  // Power was lost at any call, the last included.
  std::set<Disk> during;
  // Power was lost after the last call: what was acknowledged.
  std::set<Disk> after;
};
// `calls` name files below `directory`, which held `before`, all of it safe. A new file belongs to its
// directory's owner.
CrashStates StatesOf(const Disk& before, const std::vector<RecordedCall>& calls,
                     const std::string& directory);

}  // namespace aziot::tests::faults
