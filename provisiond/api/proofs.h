// Failed proofs, counted per address and id: too many and that address is asked to wait; each one, but for
// floods, leaves a line in the audit log. Thread-safe.
#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/clock/clock.h"
#include "provisiond/api/call.h"
#include "provisiond/auth/sas_token.h"
#include "provisiond/auth/throttle.h"
#include "provisiond/store/database.h"

namespace aziot::provisiond::api {

class Proofs {
 public:
  // `limit` failed proofs per minute, address and id; 0 is without limit. Tokens that live longer than
  // `longest_token` are no proof.
  Proofs(uint32_t limit, absl::Duration longest_token, store::Database& database, Clock& clock)
      : longest_token_(longest_token),
        database_(database),
        clock_(clock),
        failed_(limit, absl::Minutes(1), clock),
        lines_(10, absl::Seconds(1), clock) {}

  // The Authorization field as a token that is in time, from who claims to be `id`. kThrottled for who failed
  // too often; a refusal is counted and recorded.
  absl::StatusOr<auth::SasToken> TokenOf(const Call& call, absl::string_view id);
  // Counts and records a refusal (kUnauthorized, kForbidden); other statuses pass. Returns `status`.
  absl::Status Note(const Call& call, absl::string_view id, absl::Status status);

 private:
  absl::StatusOr<auth::SasToken> ReadToken(const Call& call) const;

  const absl::Duration longest_token_;
  store::Database& database_;
  Clock& clock_;
  auth::Throttle failed_;
  auth::Throttle lines_;
};

}  // namespace aziot::provisiond::api
