// Twins of devices and modules. Thread-safe.
#pragma once

#include "absl/status/statusor.h"
#include "common/clock/clock.h"
#include "provisiond/lifecycle/actor.h"
#include "provisiond/lifecycle/if_match.h"
#include "provisiond/lifecycle/json.h"
#include "provisiond/store/twins.h"

namespace aziot::provisiond {

enum class TwinChange { kPatch, kReplace };

// In the caller's transaction: merges `tags` and `properties.desired` of `change` into the twin of a row that
// is there.
absl::Status MergeTwin(store::Session& session, absl::string_view owner, const Json& change, absl::Time now);

class Twins {
 public:
  Twins(store::Database& database, Clock& clock) : database_(database), clock_(clock) {}

  // `owner` is the row id of a device or module.
  absl::StatusOr<store::Twin> Get(absl::string_view owner);
  // `change` holds `tags` and `properties.desired`; null removes a member. kDeviceNotFound when
  // the owner is gone.
  absl::StatusOr<store::Twin> Change(absl::string_view owner, TwinChange how, const Json& change,
                                     const IfMatch& if_match, absl::string_view target, const Actor& actor);

 private:
  store::Database& database_;
  Clock& clock_;
};

}  // namespace aziot::provisiond
