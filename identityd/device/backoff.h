// How long to wait before the next attempt: 5 s at first, doubled up to 10 min, spread by a fifth either way
// so that a fleet does not come back in step.
#pragma once

#include <algorithm>

#include "absl/time/time.h"

namespace aziot::identityd {

class Backoff {
 public:
  static constexpr absl::Duration kFirst = absl::Seconds(5);
  static constexpr absl::Duration kLongest = absl::Minutes(10);

  // `spread` is a random number from 0 to 1.
  absl::Duration Next(double spread) {
    const absl::Duration pause = next_;
    next_ = std::min(kLongest, next_ * 2);
    return std::min(kLongest, pause * (0.8 + 0.4 * spread));
  }
  void Reset() { next_ = kFirst; }

 private:
  absl::Duration next_ = kFirst;
};

}  // namespace aziot::identityd
