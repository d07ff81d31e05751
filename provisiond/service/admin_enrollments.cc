#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/rpc/errors.h"
#include "common/status/status_macros.h"
#include "provisiond/lifecycle/json.h"
#include "provisiond/lifecycle/names.h"
#include "provisiond/service/admin.h"
#include "provisiond/service/admin_actor.h"

namespace aziot::provisiond {
namespace {

using store::EnrollmentKind;

constexpr int64_t kPage = 1000;

absl::StatusOr<v1::Enrollment> ToEnrollment(const store::Enrollment& entry) {
  v1::Enrollment out;
  out.set_name(entry.name);
  if (entry.device_id) out.set_device_id(*entry.device_id);
  out.set_attestation(entry.attestation);
  out.set_status(entry.enabled ? "enabled" : "disabled");
  out.set_allocation_policy(entry.allocation_policy);
  ASSIGN_OR_RETURN(const Json hubs, ParseJson(entry.hubs));
  for (const Json& hub : hubs) {
    if (hub.is_string()) out.add_hubs(hub.get<std::string>());
  }
  out.set_etag(entry.etag);
  out.set_created(FormatTime(entry.created_at));
  return out;
}

}  // namespace

absl::StatusOr<v1::Enrollment> AdminService::Create(const CallContext& call, EnrollmentKind kind,
                                                    const v1::NewEnrollment& request) {
  EnrollmentWish wish;
  wish.entry.name = request.name();
  wish.entry.attestation = "symmetricKey";
  wish.entry.enabled = !request.disabled();
  if (request.has_device_id()) {
    if (!IsDeviceId(request.device_id())) return rpc::InvalidParameter("deviceId", "not a device id");
    wish.entry.device_id = request.device_id();
  }
  if (request.has_allocation_policy()) {
    if (request.allocation_policy() != "static" && request.allocation_policy() != "hashed") {
      return rpc::InvalidParameter("allocationPolicy", "expected static or hashed");
    }
    wish.entry.allocation_policy = request.allocation_policy();
  }
  wish.entry.hubs = Json(std::vector<std::string>(request.hubs().begin(), request.hubs().end())).dump();
  ASSIGN_OR_RETURN(wish.keys.primary, ReadKey(request.primary_key(), "primaryKey"));
  ASSIGN_OR_RETURN(wish.keys.secondary, ReadKey(request.secondary_key(), "secondaryKey"));
  const auto entry = enrollments_.Put(kind, std::move(wish), PutMode::kCreate, std::nullopt, ActorOf(call));
  if (!entry.ok()) return ToRpcError(entry.status());
  ASSIGN_OR_RETURN(v1::Enrollment reply, ToEnrollment(*entry));
  ASSIGN_OR_RETURN(const KeyPair keys, enrollments_.KeysOf(kind, *entry));
  *reply.mutable_keys() = ToKeys(keys);
  return reply;
}

absl::StatusOr<v1::Enrollments> AdminService::List(EnrollmentKind kind) {
  v1::Enrollments reply;
  std::string after;
  for (;;) {
    ASSIGN_OR_RETURN(const std::vector<store::Enrollment> entries, enrollments_.List(kind, after, kPage));
    for (const store::Enrollment& entry : entries) {
      ASSIGN_OR_RETURN(*reply.add_enrollments(), ToEnrollment(entry));
    }
    if (static_cast<int64_t>(entries.size()) < kPage) return reply;
    after = entries.back().name;
  }
}

absl::StatusOr<v1::Enrollment> AdminService::CreateEnrollment(const CallContext& call,
                                                              const v1::NewEnrollment& request) {
  return Create(call, EnrollmentKind::kIndividual, request);
}

absl::StatusOr<v1::Enrollments> AdminService::ListEnrollments(const CallContext&,
                                                              const v1::ListEnrollmentsRequest&) {
  return List(EnrollmentKind::kIndividual);
}

absl::StatusOr<v1::Enrollment> AdminService::GetEnrollment(const CallContext&,
                                                           const v1::EnrollmentName& request) {
  const auto entry = enrollments_.Get(EnrollmentKind::kIndividual, request.name());
  if (!entry.ok()) return ToRpcError(entry.status());
  return ToEnrollment(*entry);
}

absl::StatusOr<v1::Done> AdminService::DeleteEnrollment(const CallContext& call,
                                                        const v1::EnrollmentName& request) {
  RETURN_IF_ERROR(ToRpcError(
      enrollments_.Delete(EnrollmentKind::kIndividual, request.name(), std::nullopt, ActorOf(call))));
  return v1::Done();
}

absl::StatusOr<v1::Keys> AdminService::ShowEnrollmentKeys(const CallContext& call,
                                                          const v1::EnrollmentName& request) {
  const auto entry = enrollments_.Get(EnrollmentKind::kIndividual, request.name());
  if (!entry.ok()) return ToRpcError(entry.status());
  const auto keys = enrollments_.ReleaseKeys(EnrollmentKind::kIndividual, *entry, ActorOf(call));
  if (!keys.ok()) return ToRpcError(keys.status());
  return ToKeys(*keys);
}

absl::StatusOr<v1::Enrollment> AdminService::CreateEnrollmentGroup(const CallContext& call,
                                                                   const v1::NewEnrollment& request) {
  if (request.has_device_id()) return rpc::InvalidParameter("deviceId", "a group has no device id");
  return Create(call, EnrollmentKind::kGroup, request);
}

absl::StatusOr<v1::Enrollments> AdminService::ListEnrollmentGroups(const CallContext&,
                                                                   const v1::ListEnrollmentsRequest&) {
  return List(EnrollmentKind::kGroup);
}

absl::StatusOr<v1::Enrollment> AdminService::GetEnrollmentGroup(const CallContext&,
                                                                const v1::EnrollmentName& request) {
  const auto entry = enrollments_.Get(EnrollmentKind::kGroup, request.name());
  if (!entry.ok()) return ToRpcError(entry.status());
  return ToEnrollment(*entry);
}

absl::StatusOr<v1::Done> AdminService::DeleteEnrollmentGroup(const CallContext& call,
                                                             const v1::EnrollmentName& request) {
  RETURN_IF_ERROR(
      ToRpcError(enrollments_.Delete(EnrollmentKind::kGroup, request.name(), std::nullopt, ActorOf(call))));
  return v1::Done();
}

absl::StatusOr<v1::Keys> AdminService::ShowEnrollmentGroupKeys(const CallContext& call,
                                                               const v1::EnrollmentName& request) {
  const auto entry = enrollments_.Get(EnrollmentKind::kGroup, request.name());
  if (!entry.ok()) return ToRpcError(entry.status());
  const auto keys = enrollments_.ReleaseKeys(EnrollmentKind::kGroup, *entry, ActorOf(call));
  if (!keys.ok()) return ToRpcError(keys.status());
  return ToKeys(*keys);
}

absl::StatusOr<v1::Keys> AdminService::DeriveKey(const CallContext& call,
                                                 const v1::DeriveKeyRequest& request) {
  if (!IsRegistrationId(request.registration_id())) {
    return rpc::InvalidParameter("registrationId", "not a registration id");
  }
  const auto entry = enrollments_.Get(EnrollmentKind::kGroup, request.name());
  if (!entry.ok()) return ToRpcError(entry.status());
  const auto keys = enrollments_.ReleaseKeys(EnrollmentKind::kGroup, *entry, ActorOf(call));
  if (!keys.ok()) return ToRpcError(keys.status());
  const std::string id = absl::AsciiStrToLower(request.registration_id());
  return ToKeys({DeriveDeviceKey(keys->primary, id), DeriveDeviceKey(keys->secondary, id)});
}

}  // namespace aziot::provisiond
