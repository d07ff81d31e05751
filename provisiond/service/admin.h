// The rpcs of admin.proto. Whoever may open the socket may do everything; what is changed or shown is audited
// under its uid. Thread-safe.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "aziot/provisioning/v1/admin.pb.h"
#include "common/rpc/dispatcher.h"
#include "provisiond/auth/access_policies.h"
#include "provisiond/lifecycle/enrollments.h"
#include "provisiond/lifecycle/hubs.h"
#include "provisiond/lifecycle/registry.h"
#include "provisiond/lifecycle/telemetry.h"
#include "provisiond/store/upkeep.h"

namespace aziot::provisiond {

namespace v1 = provisioning::v1;
using rpc::CallContext;

class AdminService {
 public:
  struct Facts {
    std::vector<std::string> addresses;
    std::vector<std::string> scopes;
    std::string data_key_file;
  };
  AdminService(Facts facts, Enrollments& enrollments, Registry& registry, Telemetry& telemetry,
               const Hubs& hubs, auth::AccessPolicies& policies, store::Upkeep& upkeep)
      : facts_(std::move(facts)),
        enrollments_(enrollments),
        registry_(registry),
        telemetry_(telemetry),
        hubs_(hubs),
        policies_(policies),
        upkeep_(upkeep) {}

  void Register(rpc::Dispatcher& dispatcher);

  absl::StatusOr<v1::Status> GetStatus(const CallContext& call, const v1::GetStatusRequest& request);

  absl::StatusOr<v1::Enrollment> CreateEnrollment(const CallContext& call, const v1::NewEnrollment& request);
  absl::StatusOr<v1::Enrollments> ListEnrollments(const CallContext& call,
                                                  const v1::ListEnrollmentsRequest& request);
  absl::StatusOr<v1::Enrollment> GetEnrollment(const CallContext& call, const v1::EnrollmentName& request);
  absl::StatusOr<v1::Done> DeleteEnrollment(const CallContext& call, const v1::EnrollmentName& request);
  absl::StatusOr<v1::Keys> ShowEnrollmentKeys(const CallContext& call, const v1::EnrollmentName& request);
  absl::StatusOr<v1::Enrollment> CreateEnrollmentGroup(const CallContext& call,
                                                       const v1::NewEnrollment& request);
  absl::StatusOr<v1::Enrollments> ListEnrollmentGroups(const CallContext& call,
                                                       const v1::ListEnrollmentsRequest& request);
  absl::StatusOr<v1::Enrollment> GetEnrollmentGroup(const CallContext& call,
                                                    const v1::EnrollmentName& request);
  absl::StatusOr<v1::Done> DeleteEnrollmentGroup(const CallContext& call, const v1::EnrollmentName& request);
  absl::StatusOr<v1::Keys> ShowEnrollmentGroupKeys(const CallContext& call,
                                                   const v1::EnrollmentName& request);
  absl::StatusOr<v1::Keys> DeriveKey(const CallContext& call, const v1::DeriveKeyRequest& request);

  absl::StatusOr<v1::Device> CreateDevice(const CallContext& call, const v1::NewDevice& request);
  absl::StatusOr<v1::Devices> ListDevices(const CallContext& call, const v1::ListDevicesRequest& request);
  absl::StatusOr<v1::Device> GetDevice(const CallContext& call, const v1::DeviceName& request);
  absl::StatusOr<v1::Done> DeleteDevice(const CallContext& call, const v1::DeviceName& request);
  absl::StatusOr<v1::Keys> ShowDeviceKeys(const CallContext& call, const v1::DeviceName& request);
  absl::StatusOr<v1::Device> EnableDevice(const CallContext& call, const v1::DeviceName& request);
  absl::StatusOr<v1::Device> DisableDevice(const CallContext& call, const v1::DeviceName& request);
  absl::StatusOr<v1::Modules> ListModules(const CallContext& call, const v1::DeviceName& request);
  absl::StatusOr<v1::Messages> ListTelemetry(const CallContext& call, const v1::DeviceName& request);

  absl::StatusOr<v1::Policies> ListPolicies(const CallContext& call, const v1::ListPoliciesRequest& request);
  absl::StatusOr<v1::ConnectionString> ShowConnectionString(const CallContext& call,
                                                            const v1::PolicyName& request);

  absl::StatusOr<v1::Store> GetStore(const CallContext& call, const v1::GetStoreRequest& request);
  absl::StatusOr<v1::StoreFindings> VerifyStore(const CallContext& call,
                                                const v1::VerifyStoreRequest& request);
  absl::StatusOr<v1::StoreBackup> BackUpStore(const CallContext& call, const v1::BackUpStoreRequest& request);

 private:
  absl::StatusOr<const store::Hub*> HubOf(bool named, const std::string& name) const;
  v1::Device ToDevice(const store::Device& device) const;
  absl::StatusOr<v1::Enrollment> Create(const CallContext& call, store::EnrollmentKind kind,
                                        const v1::NewEnrollment& request);
  absl::StatusOr<v1::Enrollments> List(store::EnrollmentKind kind);

  const Facts facts_;
  Enrollments& enrollments_;
  Registry& registry_;
  Telemetry& telemetry_;
  const Hubs& hubs_;
  auth::AccessPolicies& policies_;
  store::Upkeep& upkeep_;
};

// What a refusal of the registry is on this socket.
absl::Status ToRpcError(const absl::Status& status);

}  // namespace aziot::provisiond
