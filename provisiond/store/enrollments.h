// Enrolment entries: who may register, with what proof, and where the device goes. Names compare without
// case.
#pragma once

#include "provisiond/store/database.h"

namespace aziot::provisiond::store {

enum class EnrollmentKind { kIndividual, kGroup };

struct Enrollment {
  std::string id, etag;
  int64_t created_at = 0, updated_at = 0;
  std::string name;  // registration id or group id, as spelled
  std::optional<std::string> device_id;
  std::string attestation;  // symmetricKey, none
  Bytes primary_enc, secondary_enc;
  bool enabled = true;
  std::string allocation_policy = "hashed";                            // static, hashed
  std::optional<std::string> hub_host;                                 // iotHubHostName
  std::string hubs = "[]";                                             // JSON array of host names
  std::optional<std::string> reprovision, initial_twin, capabilities;  // JSON
  std::string details = "{}";  // JSON: members that are kept for the owner and mean nothing here
  // Of a disabled entry that blocks one device of a group: that group's name.
  std::optional<std::string> shadow_of;
};

// The table's name, for Vault places.
absl::string_view TableOf(EnrollmentKind kind);

absl::StatusOr<std::optional<Enrollment>> FindEnrollment(Session& session, EnrollmentKind kind,
                                                         absl::string_view name);
// In the order of their lower-case names, after `after`.
absl::StatusOr<std::vector<Enrollment>> ListEnrollments(Session& session, EnrollmentKind kind,
                                                        absl::string_view after, int64_t limit);
absl::StatusOr<int64_t> CountEnrollments(Session& session, EnrollmentKind kind);
// kAlreadyExists when the name is taken.
absl::Status InsertEnrollment(Session& session, EnrollmentKind kind, const Enrollment& enrollment);
absl::Status UpdateEnrollment(Session& session, EnrollmentKind kind, const Enrollment& enrollment);
absl::Status DeleteEnrollment(Session& session, EnrollmentKind kind, const Enrollment& enrollment);

}  // namespace aziot::provisiond::store
