// The provisioning service as back ends manage it: enrolments, groups, registration records. Thread-safe.
#pragma once

#include "absl/status/statusor.h"
#include "common/http/message.h"
#include "provisiond/api/call.h"
#include "provisiond/api/proofs.h"
#include "provisiond/auth/access_policies.h"
#include "provisiond/lifecycle/enrollments.h"
#include "provisiond/lifecycle/hubs.h"
#include "provisiond/lifecycle/json.h"

namespace aziot::provisiond::api::dps {

class ServiceApi {
 public:
  ServiceApi(Enrollments& enrollments, const Hubs& hubs, auth::AccessPolicies& policies, Proofs& proofs)
      : enrollments_(enrollments), hubs_(hubs), policies_(policies), proofs_(proofs) {}

  static bool Owns(const Call& call);
  absl::StatusOr<http::Response> Handle(const Call& call);

 private:
  absl::StatusOr<http::Response> Entries(const Call& call, store::EnrollmentKind kind);
  absl::StatusOr<http::Response> OneEntry(const Call& call, store::EnrollmentKind kind,
                                          const std::string& name);
  absl::StatusOr<http::Response> Bulk(const Call& call, store::EnrollmentKind kind);
  absl::StatusOr<http::Response> RunQuery(const Call& call, store::EnrollmentKind kind);
  // As FormatEnrollment, with what became of an individual device.
  absl::StatusOr<Json> EntryWithState(store::EnrollmentKind kind, const store::Enrollment& entry);
  absl::StatusOr<http::Response> Registrations(const Call& call);
  // The caller, once its policy allows `permission`.
  absl::StatusOr<Actor> Authorize(const Call& call, absl::string_view permission);

  Enrollments& enrollments_;
  const Hubs& hubs_;
  auth::AccessPolicies& policies_;
  Proofs& proofs_;
};

}  // namespace aziot::provisiond::api::dps
