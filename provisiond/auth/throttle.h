// Counts events per key in fixed windows of the steady clock: registrations, polls, failed proofs.
// Thread-safe.
#pragma once

#include <mutex>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/clock/clock.h"

namespace aziot::provisiond::auth {

class Throttle {
 public:
  // At most `limit` events of a key per `window`; 0 is without limit.
  Throttle(uint32_t limit, absl::Duration window, Clock& clock)
      : limit_(limit), window_(window), clock_(clock) {}

  // Counts one event; when the limit was reached before it, how long to wait.
  std::optional<absl::Duration> Take(absl::string_view key);
  // The same without counting.
  std::optional<absl::Duration> Check(absl::string_view key);

 private:
  struct Window {
    absl::Duration start;
    uint32_t count = 0;
  };
  std::optional<absl::Duration> Look(absl::string_view key, bool count);

  const uint32_t limit_;
  const absl::Duration window_;
  Clock& clock_;
  std::mutex mutex_;
  absl::flat_hash_map<std::string, Window> windows_;
};

}  // namespace aziot::provisiond::auth
