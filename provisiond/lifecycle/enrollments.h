// Enrolment entries as their owners manage them. Refusals are those of fault.h. Thread-safe.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "common/clock/clock.h"
#include "provisiond/lifecycle/actor.h"
#include "provisiond/lifecycle/device_credentials.h"
#include "provisiond/lifecycle/registry.h"
#include "provisiond/store/registrations.h"

namespace aziot::provisiond {

constexpr int64_t kMostSymmetricGroups = 100;

struct EnrollmentWish {
  // Everything but id, etag, times and sealed keys, which follow from the store.
  store::Enrollment entry;
  WantedKeys keys;
};

enum class PutMode { kCreate, kUpdate, kCreateOrUpdate };

class Enrollments {
 public:
  Enrollments(store::Database& database, const store::Vault& vault, Clock& clock)
      : database_(database), vault_(vault), clock_(clock) {}

  absl::StatusOr<store::Enrollment> Put(store::EnrollmentKind kind, EnrollmentWish wish, PutMode mode,
                                        const IfMatch& if_match, const Actor& actor);
  absl::StatusOr<store::Enrollment> Get(store::EnrollmentKind kind, absl::string_view name);
  absl::StatusOr<std::vector<store::Enrollment>> List(store::EnrollmentKind kind, absl::string_view after,
                                                      int64_t limit);
  absl::StatusOr<int64_t> Count(store::EnrollmentKind kind);
  absl::Status Delete(store::EnrollmentKind kind, absl::string_view name, const IfMatch& if_match,
                      const Actor& actor);

  // For the one who just made the entry.
  absl::StatusOr<KeyPair> KeysOf(store::EnrollmentKind kind, const store::Enrollment& entry) const {
    return OpenEnrollmentKeys(vault_, kind, entry);
  }
  // For a caller who will see them: audited.
  absl::StatusOr<KeyPair> ReleaseKeys(store::EnrollmentKind kind, const store::Enrollment& entry,
                                      const Actor& actor);

  absl::StatusOr<store::Registration> GetRegistration(absl::string_view registration_id);
  absl::StatusOr<std::vector<store::Registration>> ListRegistrations(absl::string_view group,
                                                                     absl::string_view after, int64_t limit);
  absl::Status DeleteRegistration(absl::string_view registration_id, const IfMatch& if_match,
                                  const Actor& actor);

 private:
  absl::Status Record(store::Session& session, const Actor& actor, absl::string_view action,
                      std::string target) const;

  store::Database& database_;
  const store::Vault& vault_;
  Clock& clock_;
};

}  // namespace aziot::provisiond
