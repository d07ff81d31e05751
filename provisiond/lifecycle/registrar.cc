#include "provisiond/lifecycle/registrar.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"
#include "provisiond/audit/audit_log.h"
#include "provisiond/lifecycle/allocation.h"
#include "provisiond/lifecycle/enrollments.h"
#include "provisiond/lifecycle/fault.h"
#include "provisiond/lifecycle/registration_state.h"
#include "provisiond/lifecycle/registry.h"
#include "provisiond/store/row_id.h"
#include "provisiond/store/twins.h"

namespace aziot::provisiond {
namespace {

using store::EnrollmentKind;

constexpr absl::Duration kOperationLife = absl::Hours(24);
constexpr absl::Duration kDropOperationsEvery = absl::Minutes(1);
constexpr int kAttempts = 3;

bool SignedBy(const auth::SasToken& token, const KeyPair& keys) {
  return auth::SignedByEither(token, keys.primary.Expose(), keys.secondary.Expose());
}

KeyPair Derive(const KeyPair& group, absl::string_view registration_id) {
  return {DeriveDeviceKey(group.primary, registration_id), DeriveDeviceKey(group.secondary, registration_id)};
}

std::string HubDeviceId(const Registrar::Admission& admission, absl::string_view registration_id) {
  if (admission.kind == EnrollmentKind::kGroup) return absl::AsciiStrToLower(registration_id);
  return admission.entry.device_id.value_or(admission.entry.name);
}

absl::StatusOr<AllocationRule> RuleOf(const store::Enrollment& entry) {
  ASSIGN_OR_RETURN(const Json names, ParseJson(entry.hubs));
  return AllocationRule{entry.allocation_policy, entry.hub_host.value_or(""),
                        names.get<std::vector<std::string>>()};
}

absl::StatusOr<ReprovisionPolicy> PolicyOf(const store::Enrollment& entry, bool sticky) {
  if (!entry.reprovision) return ReprovisionPolicy{!sticky, true};
  ASSIGN_OR_RETURN(const Json json, ParseObject(*entry.reprovision));
  ASSIGN_OR_RETURN(const auto update, BoolMember(json, "updateHubAssignment"));
  ASSIGN_OR_RETURN(const auto migrate, BoolMember(json, "migrateDeviceData"));
  return ReprovisionPolicy{update.value_or(true), migrate.value_or(true)};
}

absl::Status PutInitialTwin(store::Session& session, absl::string_view owner, const store::Enrollment& entry,
                            int64_t now) {
  if (!entry.initial_twin) return absl::OkStatus();
  ASSIGN_OR_RETURN(const Json json, ParseObject(*entry.initial_twin));
  store::Twin twin;
  twin.etag = store::NewEtag();
  twin.updated_at = now;
  if (const auto tags = json.find("tags"); tags != json.end() && tags->is_object()) twin.tags = tags->dump();
  ASSIGN_OR_RETURN(const Json* properties, ObjectMember(json, "properties"));
  if (properties != nullptr) {
    ASSIGN_OR_RETURN(const Json* desired, ObjectMember(*properties, "desired"));
    if (desired != nullptr) twin.desired = desired->dump();
  }
  return store::PutTwin(session, owner, twin);
}

}  // namespace

absl::StatusOr<Registrar::Admission> Registrar::Admit(absl::string_view registration_id,
                                                      const auth::SasToken& token) {
  std::optional<store::Enrollment> individual;
  std::vector<store::Enrollment> groups;
  RETURN_IF_ERROR(database_.Read([&](store::Session& session) -> absl::Status {
    ASSIGN_OR_RETURN(individual,
                     store::FindEnrollment(session, EnrollmentKind::kIndividual, registration_id));
    if (!individual || !individual->enabled) {
      ASSIGN_OR_RETURN(groups,
                       store::ListEnrollments(session, EnrollmentKind::kGroup, "", kMostSymmetricGroups));
    }
    return absl::OkStatus();
  }));

  const absl::Status refused = Refuse(Fault::kUnauthorized, "Unauthorized");
  if (individual && individual->attestation == "symmetricKey") {
    ASSIGN_OR_RETURN(KeyPair keys, OpenEnrollmentKeys(vault_, EnrollmentKind::kIndividual, *individual));
    if (SignedBy(token, keys)) {
      const bool blocked = !individual->enabled;
      return Admission{EnrollmentKind::kIndividual, *std::move(individual), std::move(keys), blocked};
    }
  }
  // An enabled entry of its own decides for its device; a disabled one blocks a device of a group, which
  // proves itself with the group's key.
  const std::string lower = absl::AsciiStrToLower(registration_id);
  std::vector<absl::string_view> spellings = {lower};
  if (lower != registration_id) spellings.push_back(registration_id);
  group_order_.Sort(groups);
  for (store::Enrollment& group : groups) {
    if (group.attestation != "symmetricKey") continue;
    ASSIGN_OR_RETURN(const KeyPair group_keys, OpenEnrollmentKeys(vault_, EnrollmentKind::kGroup, group));
    for (const absl::string_view spelling : spellings) {
      KeyPair keys = Derive(group_keys, spelling);
      if (!SignedBy(token, keys)) continue;
      const bool blocked = !group.enabled || individual.has_value();
      group_order_.Used(group.id);
      return Admission{EnrollmentKind::kGroup, std::move(group), std::move(keys), blocked};
    }
  }
  return refused;
}

absl::StatusOr<store::Operation> Registrar::Register(const Request& request, const Actor& actor) {
  absl::Status status;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    ASSIGN_OR_RETURN(const Admission admission, Admit(request.registration_id, request.token));
    const absl::Time now = clock_.Now();
    store::Operation operation;
    operation.operation_id = absl::StrCat("5.", store::NewRowId());
    operation.registration_id = absl::AsciiStrToLower(request.registration_id);
    operation.expires = absl::ToUnixMicros(now + kOperationLife);
    status = database_.Write([&](store::Session& session) -> absl::Status {
      RETURN_IF_ERROR(Assign(session, admission, request, operation));
      RETURN_IF_ERROR(store::AddOperation(session, operation));
      if (now >= absl::FromUnixMicros(drop_operations_at_)) {
        RETURN_IF_ERROR(store::DropOperations(session, absl::ToUnixMicros(now)));
        drop_operations_at_ = absl::ToUnixMicros(now + kDropOperationsEvery);
      }
      audit::Line line;
      line.time = now;
      line.actor = actor.who;
      line.action = "registration.register";
      line.target = operation.registration_id;
      line.outcome = operation.state;
      line.request_id = actor.request_id;
      return audit::Append(session, line);
    });
    if (status.ok()) return operation;
    if (!absl::IsAborted(status)) break;
  }
  return status;
}

absl::Status Registrar::Assign(store::Session& session, const Admission& admission, const Request& request,
                               store::Operation& operation) {
  const int64_t now = absl::ToUnixMicros(clock_.Now());
  const std::string& id = operation.registration_id;
  ASSIGN_OR_RETURN(const auto entry, store::FindEnrollment(session, admission.kind, admission.entry.name));
  if (!entry || entry->etag != admission.entry.etag)
    return absl::AbortedError("the enrolment changed meanwhile");
  if (admission.kind == EnrollmentKind::kGroup && !admission.blocked) {
    ASSIGN_OR_RETURN(const auto own, store::FindEnrollment(session, EnrollmentKind::kIndividual, id));
    if (own) return absl::AbortedError("the device got an enrolment of its own meanwhile");
  }
  const auto finish = [&](absl::string_view state, const Json& result) {
    operation.state = std::string(state);
    operation.result = result.dump();
    return absl::OkStatus();
  };
  if (admission.blocked) return finish("disabled", DisabledState(id, now));

  ASSIGN_OR_RETURN(const AllocationRule rule, RuleOf(*entry));
  const absl::StatusOr<const store::Hub*> chosen = ChooseHub(rule, id, hubs_);
  if (!chosen.ok()) return finish("failed", FailedState(id, now, 400208, chosen.status().message()));

  ASSIGN_OR_RETURN(std::optional<store::Registration> record, store::FindRegistration(session, id));
  ASSIGN_OR_RETURN(const ReprovisionPolicy policy, PolicyOf(*entry, request.sticky));
  const store::Hub* current = record ? hubs_.ById(record->hub) : nullptr;
  const Move move = DecideMove(current, **chosen, policy);
  const store::Hub& hub = move == Move::kStay ? *current : **chosen;
  const std::string device_id = HubDeviceId(admission, id);

  std::optional<store::Device> before;
  if (record) {
    ASSIGN_OR_RETURN(before, store::FindDeviceByRow(session, record->device));
  }
  if (before && !IsEnabled(before->state)) return finish("disabled", DisabledState(id, now));
  ASSIGN_OR_RETURN(std::optional<store::Device> device, store::FindDevice(session, hub.id, device_id));
  if (device && !IsEnabled(device->state)) return finish("disabled", DisabledState(id, now));

  WantedKeys keys{admission.keys.primary.Clone(), admission.keys.secondary.Clone()};
  const bool made = !device;
  if (made) {
    DeviceWish wish;
    wish.device_id = device_id;
    wish.capabilities = move == Move::kMigrate && before ? before->capabilities : entry->capabilities;
    wish.keys = std::move(keys);
    device = NewDeviceRow(vault_, hub.id, std::move(wish), clock_.Now());
    RETURN_IF_ERROR(store::InsertDevice(session, *device));
  } else {
    ASSIGN_OR_RETURN(const absl::string_view state, NextState(device->state, Event::kProvision));
    device->state = std::string(state);
    device->auth_type = "sas";
    FillCredential(vault_, device->id, keys, device->primary_enc, device->secondary_enc);
    device->etag = store::NewEtag();
    device->updated_at = now;
    RETURN_IF_ERROR(store::UpdateDevice(session, *device));
  }
  const bool moved = before && before->id != device->id;
  if (moved && move == Move::kMigrate) {
    ASSIGN_OR_RETURN(const store::Twin twin, store::GetTwin(session, before->id));
    RETURN_IF_ERROR(store::PutTwin(session, device->id, twin));
  } else if (made) {
    RETURN_IF_ERROR(PutInitialTwin(session, device->id, *entry, now));
  }
  if (moved) RETURN_IF_ERROR(store::DeleteDevice(session, *before));

  store::Registration registration;
  registration.id = record ? record->id : store::NewRowId();
  registration.etag = store::NewEtag();
  registration.created_at = record ? record->created_at : now;
  registration.updated_at = now;
  registration.registration_id = id;
  if (admission.kind == EnrollmentKind::kGroup) {
    registration.enrollment_group = entry->id;
    registration.group_name = absl::AsciiStrToLower(entry->name);
  } else {
    registration.enrollment = entry->id;
  }
  registration.hub = hub.id;
  registration.device = device->id;
  registration.device_id = device_id;
  registration.status = "assigned";
  registration.substatus = std::string(SubstatusOf(move));
  if (!request.payload.empty()) registration.payload = request.payload;
  RETURN_IF_ERROR(store::PutRegistration(session, registration));
  return finish("assigned", RegistrationState(registration, hubs_));
}

absl::StatusOr<store::Operation> Registrar::GetOperation(absl::string_view registration_id,
                                                         absl::string_view operation_id) {
  std::optional<store::Operation> operation;
  RETURN_IF_ERROR(database_.Read([&](store::Session& session) -> absl::Status {
    ASSIGN_OR_RETURN(operation, store::FindOperation(session, operation_id));
    return absl::OkStatus();
  }));
  if (!operation || operation->registration_id != absl::AsciiStrToLower(registration_id) ||
      operation->expires < absl::ToUnixMicros(clock_.Now())) {
    return Refuse(Fault::kOperationNotFound, "Operation not found.");
  }
  return *std::move(operation);
}

}  // namespace aziot::provisiond
