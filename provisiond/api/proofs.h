// Failed proofs, counted per address and id: too many and that address is asked to wait; each one, but for
// floods, leaves a line in the audit log. Thread-safe.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/clock/clock.h"
#include "provisiond/api/call.h"
#include "provisiond/auth/throttle.h"
#include "provisiond/store/database.h"

namespace aziot::provisiond::api {

class Proofs {
 public:
  // `limit` failed proofs per minute, address and id; 0 is without limit.
  Proofs(uint32_t limit, store::Database& database, Clock& clock)
      : database_(database),
        clock_(clock),
        failed_(limit, absl::Minutes(1), clock),
        lines_(10, absl::Seconds(1), clock) {}

  // Before a proof is looked at: kThrottled for who failed too often.
  absl::Status CheckTurn(const Call& call, absl::string_view id);
  // Counts and records a refusal (kUnauthorized, kForbidden); other statuses pass. Returns `status`.
  absl::Status Note(const Call& call, absl::string_view id, absl::Status status);

 private:
  store::Database& database_;
  Clock& clock_;
  auth::Throttle failed_;
  auth::Throttle lines_;
};

}  // namespace aziot::provisiond::api
