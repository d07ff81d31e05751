// In which order groups are tried for a device whose token does not say whose it is: the one that admitted a
// device last comes first. Forgotten at the end of the process. Thread-safe.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "provisiond/store/enrollments.h"

namespace aziot::provisiond {

class GroupOrder {
 public:
  // Groups that admitted nobody yet keep their places, behind the others.
  void Sort(std::vector<store::Enrollment>& groups) const;
  // The group with this row id admitted a device.
  void Used(const std::string& id);

 private:
  mutable std::mutex mutex_;
  uint64_t uses_ = 0;
  absl::flat_hash_map<std::string, uint64_t> last_use_;
};

}  // namespace aziot::provisiond
