// Enrolment entries as the service API writes and reads them.
#pragma once

#include "absl/status/statusor.h"
#include "provisiond/lifecycle/enrollments.h"
#include "provisiond/lifecycle/json.h"

namespace aziot::provisiond::api::dps {

// `name` is the one of the path, or "" in a bulk item. kInvalid and kNotSupported name the member.
absl::StatusOr<EnrollmentWish> ParseEnrollment(store::EnrollmentKind kind, absl::string_view name,
                                               const Json& json);

// Without keys.
absl::StatusOr<Json> FormatEnrollment(store::EnrollmentKind kind, const store::Enrollment& entry);

// {"type":"symmetricKey","symmetricKey":{…}}
Json FormatAttestation(const KeyPair& keys);

}  // namespace aziot::provisiond::api::dps
