// Looks for secrets in the memory of a running process.
#pragma once

#include <sys/types.h>

#include <bitset>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "common/bytes/bytes.h"

namespace aziot::tests::faults {

class MemorySearch {
 public:
  // Any stretch of 12 bytes of `secret` counts, at whatever place copying and reuse have left it.
  void AddBytes(absl::string_view name, BytesView secret);
  // The same for its base64 text.
  void AddBase64(absl::string_view name, BytesView secret);

  // What was found, one line each, in the writable memory of `pid` that is not both locked and left out of
  // core dumps.
  std::vector<std::string> FindIn(pid_t pid) const;
  std::vector<std::string> FindIn(absl::string_view place, absl::string_view memory) const;

  // Bytes that FindIn left out because they are locked: a search that skips nothing, or all, proves nothing.
  static size_t LockedBytes(pid_t pid);

 private:
  absl::flat_hash_map<std::string, std::string> needles_;  // stretch to name
  std::bitset<65536> begins_;                              // of the stretches: their first two bytes
};

}  // namespace aziot::tests::faults
