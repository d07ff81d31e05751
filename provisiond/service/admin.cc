#include "provisiond/service/admin.h"

#include "absl/strings/str_cat.h"
#include "common/bytes/base64.h"
#include "common/rpc/errors.h"
#include "common/status/status_macros.h"
#include "provisiond/lifecycle/fault.h"
#include "provisiond/service/admin_actor.h"

namespace aziot::provisiond {
absl::Status ToRpcError(const absl::Status& status) {
  const std::optional<Fault> fault = FaultOf(status);
  if (status.ok() || !fault) return status;
  switch (*fault) {
    case Fault::kInvalidState:
    case Fault::kDeviceExists:
    case Fault::kModuleExists:
    case Fault::kEnrollmentExists:
    case Fault::kGroupExists:
      return rpc::WrongState(status.message());
    default:
      return rpc::BadRequest(status.message());
  }
}

void AdminService::Register(rpc::Dispatcher& dispatcher) {
  const auto add = [&](absl::string_view name, auto run) {
    dispatcher.Add(absl::StrCat("aziot.provisioning.v1.Admin.", name), *this, run);
  };
  add("GetStatus", &AdminService::GetStatus);
  add("CreateEnrollment", &AdminService::CreateEnrollment);
  add("ListEnrollments", &AdminService::ListEnrollments);
  add("GetEnrollment", &AdminService::GetEnrollment);
  add("DeleteEnrollment", &AdminService::DeleteEnrollment);
  add("ShowEnrollmentKeys", &AdminService::ShowEnrollmentKeys);
  add("CreateEnrollmentGroup", &AdminService::CreateEnrollmentGroup);
  add("ListEnrollmentGroups", &AdminService::ListEnrollmentGroups);
  add("GetEnrollmentGroup", &AdminService::GetEnrollmentGroup);
  add("DeleteEnrollmentGroup", &AdminService::DeleteEnrollmentGroup);
  add("ShowEnrollmentGroupKeys", &AdminService::ShowEnrollmentGroupKeys);
  add("DeriveKey", &AdminService::DeriveKey);
  add("CreateDevice", &AdminService::CreateDevice);
  add("ListDevices", &AdminService::ListDevices);
  add("GetDevice", &AdminService::GetDevice);
  add("DeleteDevice", &AdminService::DeleteDevice);
  add("ShowDeviceKeys", &AdminService::ShowDeviceKeys);
  add("EnableDevice", &AdminService::EnableDevice);
  add("DisableDevice", &AdminService::DisableDevice);
  add("ListModules", &AdminService::ListModules);
  add("ListTelemetry", &AdminService::ListTelemetry);
  add("ListPolicies", &AdminService::ListPolicies);
  add("ShowConnectionString", &AdminService::ShowConnectionString);
  add("GetStore", &AdminService::GetStore);
  add("VerifyStore", &AdminService::VerifyStore);
  add("BackUpStore", &AdminService::BackUpStore);
}

absl::StatusOr<v1::Status> AdminService::GetStatus(const CallContext&, const v1::GetStatusRequest&) {
  v1::Status reply;
  reply.set_version(AZIOT_VERSION);
  for (const std::string& address : facts_.addresses) reply.add_addresses(address);
  for (const std::string& scope : facts_.scopes) reply.add_scopes(scope);
  for (const store::Hub& hub : hubs_.all()) {
    if (hub.active) reply.add_hubs(hubs_.AddressOf(hub.host_name));
  }
  ASSIGN_OR_RETURN(const int64_t individuals, enrollments_.Count(store::EnrollmentKind::kIndividual));
  ASSIGN_OR_RETURN(const int64_t groups, enrollments_.Count(store::EnrollmentKind::kGroup));
  ASSIGN_OR_RETURN(const store::DeviceCount devices, registry_.CountDevices(""));
  reply.set_enrollments(static_cast<uint32_t>(individuals));
  reply.set_enrollment_groups(static_cast<uint32_t>(groups));
  reply.set_devices(static_cast<uint32_t>(devices.total));
  reply.set_disabled_devices(static_cast<uint32_t>(devices.disabled));
  return reply;
}

absl::StatusOr<v1::Policies> AdminService::ListPolicies(const CallContext&, const v1::ListPoliciesRequest&) {
  ASSIGN_OR_RETURN(const std::vector<store::Policy> policies, policies_.List());
  v1::Policies reply;
  for (const store::Policy& policy : policies) {
    v1::Policy* out = reply.add_policies();
    out->set_family(policy.family);
    out->set_name(policy.name);
    for (const absl::string_view word : WordsOf(policy.permissions)) out->add_permissions(std::string(word));
  }
  return reply;
}

absl::StatusOr<v1::ConnectionString> AdminService::ShowConnectionString(const CallContext& call,
                                                                        const v1::PolicyName& request) {
  ASSIGN_OR_RETURN(const store::Hub* hub, HubOf(request.has_hub(), request.hub()));
  absl::StatusOr<Secret> key = policies_.PrimaryKey(request.name());
  if (absl::IsNotFound(key.status())) return rpc::BadRequest(key.status().message());
  RETURN_IF_ERROR(key.status());
  RETURN_IF_ERROR(registry_.RecordRelease("policy.show-key", request.name(), ActorOf(call)));
  v1::ConnectionString reply;
  reply.set_connection_string(absl::StrCat("HostName=", hubs_.AddressOf(hub->host_name),
                                           ";SharedAccessKeyName=", request.name(),
                                           ";SharedAccessKey=", FormatBase64(key->Expose())));
  return reply;
}

absl::StatusOr<const store::Hub*> AdminService::HubOf(bool named, const std::string& name) const {
  if (!named || name.empty()) return &hubs_.Default();
  const store::Hub* hub = hubs_.ByName(name);
  if (hub == nullptr) return rpc::BadRequest(absl::StrCat("no hub named ", name));
  return hub;
}

}  // namespace aziot::provisiond
