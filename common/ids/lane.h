// The name of a queue for work that takes longer than a reactor may wait: `cpu` (RSA, key generation),
// `peers` (other daemons, the cloud, disk that syncs), one per token and TPM. `Lane::Inline()` says: run it
// where it was parsed.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace aziot {

class Lane {
 public:
  static Lane Inline() { return Lane(""); }
  static Lane Cpu() { return Lane("cpu"); }
  static Lane Peers() { return Lane("peers"); }
  static Lane Named(absl::string_view name) { return Lane(name); }

  bool is_inline() const { return name_.empty(); }
  const std::string& name() const { return name_; }
  friend bool operator==(const Lane&, const Lane&) = default;

 private:
  explicit Lane(absl::string_view name) : name_(name) {}
  std::string name_;
};

}  // namespace aziot
