#include "identityd/service/identity_service.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/rpc/errors.h"
#include "common/status/status_macros.h"
#include "identityd/service/answers.h"

namespace aziot::identityd {

IdentityService::IdentityService(const Parts& parts, std::shared_ptr<const ServiceSettings> settings)
    : parts_(parts), settings_(std::move(settings)) {
  watcher_ = std::thread([this] { WatchLoop(); });
}

IdentityService::~IdentityService() {
  parts_.changes.Close();
  watcher_.join();
}

void IdentityService::Register(rpc::Dispatcher& dispatcher) {
  dispatcher.Add("aziot.identity.v1.Identities.GetCallerIdentity", *this,
                 &IdentityService::GetCallerIdentity);
  dispatcher.Add("aziot.identity.v1.Identities.GetDeviceIdentity", *this,
                 &IdentityService::GetDeviceIdentity);
  dispatcher.Add("aziot.identity.v1.Identities.ReprovisionDevice", *this,
                 &IdentityService::ReprovisionDevice);
  dispatcher.Add("aziot.identity.v1.Identities.ListModules", *this, &IdentityService::ListModules);
  dispatcher.Add("aziot.identity.v1.Identities.CreateModule", *this, &IdentityService::CreateModule);
  dispatcher.Add("aziot.identity.v1.Identities.GetModule", *this, &IdentityService::GetModule);
  dispatcher.Add("aziot.identity.v1.Identities.UpdateModule", *this, &IdentityService::UpdateModule);
  dispatcher.Add("aziot.identity.v1.Identities.DeleteModule", *this, &IdentityService::DeleteModule);
  dispatcher.Add("aziot.identity.v1.Identities.GetProvisioningInfo", *this,
                 &IdentityService::GetProvisioningInfo);
  dispatcher.Add("aziot.identity.v1.Identities.GetTrustBundle", *this, &IdentityService::GetTrustBundle);
  dispatcher.Add("aziot.identity.v1.Identities.GetStatus", *this, &IdentityService::GetStatus);
  dispatcher.AddStream<identity::v1::WatchIdentityReply>("aziot.identity.v1.Identities.WatchIdentity", *this,
                                                         &IdentityService::WatchIdentity);
}

void IdentityService::Reload(std::shared_ptr<const ServiceSettings> settings) {
  {
    std::lock_guard lock(mutex_);
    settings_ = std::move(settings);
  }
  parts_.changes.Note();
}

std::shared_ptr<const ServiceSettings> IdentityService::settings() const {
  std::lock_guard lock(mutex_);
  return settings_;
}

absl::Status IdentityService::CheckMayManage(const Call& call, const ServiceSettings& settings) const {
  if (settings.principals.Identify(call.peer).MayManage()) return absl::OkStatus();
  return rpc::NotAuthorized("authorization error");
}

absl::StatusOr<DevicePtr> IdentityService::AwaitDevice(const Call& call, const Lane& lane) {
  // A call that has waited stays on its lane: moving on would ask for another turn after its deadline.
  if (!call.MoveTo(WaitingLane()).ok()) {
    const bool known = parts_.lifecycle.Device() != nullptr;
    RETURN_IF_ERROR(call.MoveTo(known ? lane : WaitingLane()));
  }
  absl::StatusOr<DevicePtr> device = parts_.lifecycle.Await();
  if (!device.ok()) return ToAnswer(call, device.status());
  return device;
}

absl::StatusOr<identity::v1::Identity> IdentityService::AnswerDevice(const Call& call) {
  if (const DevicePtr device = parts_.lifecycle.Device(); device != nullptr) {
    if (const std::string handle = parts_.device_key.Known(*device); !handle.empty()) {
      return ToIdentity(*device, handle);
    }
  }
  ASSIGN_OR_RETURN(const DevicePtr device, AwaitDevice(call, Lane::Peers()));
  const absl::StatusOr<std::string> handle = parts_.device_key.Handle(*device);
  if (!handle.ok()) return ToDeviceKeyAnswer(call, handle.status());
  return ToIdentity(*device, *handle);
}

absl::StatusOr<identity::v1::Identity> IdentityService::AnswerModule(const Call& call,
                                                                     const std::string& id) {
  Lane lane = HubLane();
  if (const DevicePtr device = parts_.lifecycle.Device(); device != nullptr) {
    if (const std::optional<Module> known = parts_.modules.Known(*device, id)) {
      const std::string handle = parts_.module_keys.KnownHandle(*known);
      if (!handle.empty()) return ToIdentity(*device, *known, handle);
      if (known->generation_id) lane = Lane::Peers();
    }
  }
  ASSIGN_OR_RETURN(const DevicePtr device, AwaitDevice(call, lane));
  return Describe(call, *device, parts_.modules.Get(*device, id));
}

absl::StatusOr<identity::v1::Identity> IdentityService::Describe(const Call& call,
                                                                 const DeviceIdentity& device,
                                                                 const absl::StatusOr<Module>& module) {
  if (!module.ok()) return ToAnswer(call, module.status());
  const absl::StatusOr<std::string> handle = parts_.module_keys.PrimaryHandle(*module);
  if (!handle.ok()) return ToAnswer(call, handle.status());
  return ToIdentity(device, *module, *handle);
}

absl::StatusOr<identity::v1::Identity> IdentityService::AnswerLocal(const Call& call,
                                                                    const ServiceSettings& settings,
                                                                    const std::string& id, bool server) {
  if (settings.local_domain.empty()) return rpc::InternalError("no local id settings specified");
  RETURN_IF_ERROR(call.MoveTo(Lane::Peers()));
  const std::string name = absl::StrCat(id, ".", settings.hostname, ".", settings.local_domain);
  const absl::StatusOr<LocalIdentity> local = IssueLocalIdentity(parts_.certd, id, name, server);
  if (absl::IsCancelled(local.status())) return ToAnswer(call, local.status());
  if (!local.ok()) return rpc::InternalError(local.status().message());
  return ToIdentity(id, *local);
}

}  // namespace aziot::identityd
