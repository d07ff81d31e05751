#include "provisiond/lifecycle/enrollments.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"
#include "provisiond/audit/audit_log.h"
#include "provisiond/lifecycle/fault.h"
#include "provisiond/lifecycle/names.h"
#include "provisiond/store/row_id.h"

namespace aziot::provisiond {
namespace {

using store::EnrollmentKind;

absl::Status Missing(EnrollmentKind kind) {
  return kind == EnrollmentKind::kGroup ? Refuse(Fault::kGroupNotFound, "Enrollment group not found.")
                                        : Refuse(Fault::kEnrollmentNotFound, "Enrollment not found.");
}

absl::Status CheckName(EnrollmentKind kind, absl::string_view name) {
  if (kind == EnrollmentKind::kGroup) {
    return IsGroupId(name) ? absl::OkStatus()
                           : Refuse(Fault::kInvalidGroupId, "Invalid enrollment group id.");
  }
  return IsRegistrationId(name) ? absl::OkStatus()
                                : Refuse(Fault::kInvalidRegistrationId, "Invalid registration id.");
}

absl::string_view Word(EnrollmentKind kind) {
  return kind == EnrollmentKind::kGroup ? "group" : "enrollment";
}

}  // namespace

absl::Status Enrollments::Record(store::Session& session, const Actor& actor, absl::string_view action,
                                 std::string target) const {
  audit::Line line;
  line.time = clock_.Now();
  line.actor = actor.who;
  line.action = std::string(action);
  line.target = std::move(target);
  line.request_id = actor.request_id;
  return audit::Append(session, line);
}

absl::StatusOr<store::Enrollment> Enrollments::Put(EnrollmentKind kind, EnrollmentWish wish, PutMode mode,
                                                   const IfMatch& if_match, const Actor& actor) {
  RETURN_IF_ERROR(CheckName(kind, wish.entry.name));
  store::Enrollment made;
  RETURN_IF_ERROR(database_.Write([&](store::Session& session) -> absl::Status {
    store::Enrollment entry = wish.entry;
    ASSIGN_OR_RETURN(const auto old, store::FindEnrollment(session, kind, entry.name));
    if (old && mode == PutMode::kCreate) {
      return Refuse(kind == EnrollmentKind::kGroup ? Fault::kGroupExists : Fault::kEnrollmentExists,
                    "An entry of that name exists already.");
    }
    if (!old && (mode == PutMode::kUpdate || if_match)) return Missing(kind);
    if (old) RETURN_IF_ERROR(CheckEtag(if_match, old->etag));

    entry.id = old ? old->id : store::NewRowId();
    entry.etag = store::NewEtag();
    entry.updated_at = absl::ToUnixMicros(clock_.Now());
    entry.created_at = old ? old->created_at : entry.updated_at;
    if (old) {
      entry.name = old->name;
      entry.primary_enc = old->primary_enc;
      entry.secondary_enc = old->secondary_enc;
    }
    if (entry.attestation == "symmetricKey") {
      FillEnrollmentKeys(vault_, kind, wish.keys, entry);
    } else {
      entry.primary_enc.clear();
      entry.secondary_enc.clear();
    }
    if (old) {
      RETURN_IF_ERROR(store::UpdateEnrollment(session, kind, entry));
    } else {
      ASSIGN_OR_RETURN(const int64_t count, store::CountEnrollments(session, kind));
      if (kind == EnrollmentKind::kGroup && count >= kMostSymmetricGroups) {
        return Refuse(Fault::kTooMany,
                      absl::StrCat("At most ", kMostSymmetricGroups, " symmetric key groups."));
      }
      RETURN_IF_ERROR(store::InsertEnrollment(session, kind, entry));
    }
    made = entry;
    return Record(session, actor, absl::StrCat(Word(kind), old ? ".update" : ".create"), entry.name);
  }));
  return made;
}

absl::StatusOr<store::Enrollment> Enrollments::Get(EnrollmentKind kind, absl::string_view name) {
  std::optional<store::Enrollment> entry;
  RETURN_IF_ERROR(database_.Read([&](store::Session& session) -> absl::Status {
    ASSIGN_OR_RETURN(entry, store::FindEnrollment(session, kind, name));
    return absl::OkStatus();
  }));
  if (!entry) return Missing(kind);
  return *std::move(entry);
}

absl::StatusOr<std::vector<store::Enrollment>> Enrollments::List(EnrollmentKind kind, absl::string_view after,
                                                                 int64_t limit) {
  std::vector<store::Enrollment> entries;
  RETURN_IF_ERROR(database_.Read([&](store::Session& session) -> absl::Status {
    ASSIGN_OR_RETURN(entries, store::ListEnrollments(session, kind, after, limit));
    return absl::OkStatus();
  }));
  return entries;
}

absl::StatusOr<int64_t> Enrollments::Count(EnrollmentKind kind) {
  int64_t count = 0;
  RETURN_IF_ERROR(database_.Read([&](store::Session& session) -> absl::Status {
    ASSIGN_OR_RETURN(count, store::CountEnrollments(session, kind));
    return absl::OkStatus();
  }));
  return count;
}

absl::Status Enrollments::Delete(EnrollmentKind kind, absl::string_view name, const IfMatch& if_match,
                                 const Actor& actor) {
  return database_.Write([&](store::Session& session) -> absl::Status {
    ASSIGN_OR_RETURN(const auto entry, store::FindEnrollment(session, kind, name));
    if (!entry) return Missing(kind);
    RETURN_IF_ERROR(CheckEtag(if_match, entry->etag));
    RETURN_IF_ERROR(store::DeleteEnrollment(session, kind, *entry));
    return Record(session, actor, absl::StrCat(Word(kind), ".delete"), entry->name);
  });
}

absl::StatusOr<KeyPair> Enrollments::ReleaseKeys(EnrollmentKind kind, const store::Enrollment& entry,
                                                 const Actor& actor) {
  if (entry.attestation != "symmetricKey")
    return Refuse(Fault::kInvalidState, "The entry has no symmetric keys.");
  RETURN_IF_ERROR(database_.Write([&](store::Session& session) {
    return Record(session, actor, absl::StrCat(Word(kind), ".show-keys"), entry.name);
  }));
  return OpenEnrollmentKeys(vault_, kind, entry);
}

absl::StatusOr<store::Registration> Enrollments::GetRegistration(absl::string_view registration_id) {
  std::optional<store::Registration> registration;
  RETURN_IF_ERROR(database_.Read([&](store::Session& session) -> absl::Status {
    ASSIGN_OR_RETURN(registration, store::FindRegistration(session, absl::AsciiStrToLower(registration_id)));
    return absl::OkStatus();
  }));
  if (!registration) return Refuse(Fault::kRegistrationNotFound, "Registration not found.");
  return *std::move(registration);
}

absl::StatusOr<std::vector<store::Registration>> Enrollments::ListRegistrations(absl::string_view group,
                                                                                absl::string_view after,
                                                                                int64_t limit) {
  std::vector<store::Registration> registrations;
  RETURN_IF_ERROR(database_.Read([&](store::Session& session) -> absl::Status {
    ASSIGN_OR_RETURN(registrations,
                     store::RegistrationsOfGroup(session, absl::AsciiStrToLower(group), after, limit));
    return absl::OkStatus();
  }));
  return registrations;
}

absl::Status Enrollments::DeleteRegistration(absl::string_view registration_id, const IfMatch& if_match,
                                             const Actor& actor) {
  const std::string id = absl::AsciiStrToLower(registration_id);
  return database_.Write([&](store::Session& session) -> absl::Status {
    ASSIGN_OR_RETURN(const auto registration, store::FindRegistration(session, id));
    if (!registration) return Refuse(Fault::kRegistrationNotFound, "Registration not found.");
    RETURN_IF_ERROR(CheckEtag(if_match, registration->etag));
    RETURN_IF_ERROR(store::DeleteRegistration(session, id));
    return Record(session, actor, "registration.delete", id);
  });
}

}  // namespace aziot::provisiond
