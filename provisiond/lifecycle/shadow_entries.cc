#include "provisiond/lifecycle/shadow_entries.h"

#include "common/status/status_macros.h"
#include "provisiond/store/enrollments.h"
#include "provisiond/store/registrations.h"
#include "provisiond/store/row_id.h"

namespace aziot::provisiond {
namespace {

using store::EnrollmentKind;

absl::Status SetEnabled(store::Session& session, store::Enrollment entry, bool enabled, absl::Time now) {
  entry.enabled = enabled;
  entry.etag = store::NewEtag();
  entry.updated_at = absl::ToUnixMicros(now);
  return store::UpdateEnrollment(session, EnrollmentKind::kIndividual, entry);
}

}  // namespace

absl::Status BlockEnrollment(store::Session& session, const store::Device& device, absl::Time now) {
  ASSIGN_OR_RETURN(const auto registrations, store::RegistrationsOfDevice(session, device.id));
  for (const store::Registration& registration : registrations) {
    ASSIGN_OR_RETURN(const auto entry, store::FindEnrollment(session, EnrollmentKind::kIndividual,
                                                             registration.registration_id));
    if (entry) {
      RETURN_IF_ERROR(SetEnabled(session, *entry, false, now));
    } else if (registration.group_name) {
      store::Enrollment shadow;
      shadow.id = store::NewRowId();
      shadow.etag = store::NewEtag();
      shadow.created_at = shadow.updated_at = absl::ToUnixMicros(now);
      shadow.name = registration.registration_id;
      shadow.attestation = "none";
      shadow.enabled = false;
      shadow.shadow_of = registration.group_name;
      RETURN_IF_ERROR(store::InsertEnrollment(session, EnrollmentKind::kIndividual, shadow));
    }
  }
  return absl::OkStatus();
}

absl::Status UnblockEnrollment(store::Session& session, const store::Device& device, absl::Time now) {
  ASSIGN_OR_RETURN(const auto registrations, store::RegistrationsOfDevice(session, device.id));
  for (const store::Registration& registration : registrations) {
    ASSIGN_OR_RETURN(const auto entry, store::FindEnrollment(session, EnrollmentKind::kIndividual,
                                                             registration.registration_id));
    if (!entry) continue;
    if (entry->shadow_of) {
      RETURN_IF_ERROR(store::DeleteEnrollment(session, EnrollmentKind::kIndividual, *entry));
    } else {
      RETURN_IF_ERROR(SetEnabled(session, *entry, true, now));
    }
  }
  return absl::OkStatus();
}

}  // namespace aziot::provisiond
