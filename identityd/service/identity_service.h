// The rpcs of identity.proto: who asks, whether they may, then the answer from what device/ and modules/
// know. What is known is answered on the thread that read the request; what must ask keyd or certd moves to
// `peers`. Calls that have to wait for the hub, or for the device to be provisioned, move to lanes of their
// own, so that they hold up nobody else.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "aziot/config/v1/identityd.pb.h"
#include "aziot/identity/v1/identity.pb.h"
#include "common/rpc/dispatcher.h"
#include "identityd/device/device_key.h"
#include "identityd/device/lifecycle.h"
#include "identityd/local/local_identity.h"
#include "identityd/modules/module_identities.h"
#include "identityd/modules/module_keys.h"
#include "identityd/principals/principals.h"

namespace aziot::identityd {

// What the configuration says to the service; replaced as a whole by a reload.
struct ServiceSettings {
  Principals principals;
  config::v1::Provisioning provisioning;
  std::string hostname;
  std::string local_domain;  // "" without `[localid]`
};

class IdentityService {
 public:
  struct Parts {
    Lifecycle& lifecycle;
    DeviceKey& device_key;
    ModuleIdentities& modules;
    ModuleKeys& module_keys;
    client::Client& certd;
    IdentityChanges& changes;
    Clock& clock;
  };

  IdentityService(const Parts& parts, std::shared_ptr<const ServiceSettings> settings);
  ~IdentityService();

  // Where calls wait for the device, and where they wait for the hub; main gives both threads.
  static Lane WaitingLane() { return Lane::Named("device"); }
  static Lane HubLane() { return Lane::Named("hub"); }

  void Register(rpc::Dispatcher& dispatcher);
  void Reload(std::shared_ptr<const ServiceSettings> settings);

 private:
  using Call = rpc::CallContext;
  template <class T>
  using Or = absl::StatusOr<T>;

  Or<identity::v1::Identity> GetCallerIdentity(const Call&, const identity::v1::GetCallerIdentityRequest&);
  Or<identity::v1::Identity> GetDeviceIdentity(const Call&, const identity::v1::DeviceRequest&);
  Or<identity::v1::Done> ReprovisionDevice(const Call&, const identity::v1::ReprovisionRequest&);
  Or<identity::v1::IdentityList> ListModules(const Call&, const identity::v1::ListModulesRequest&);
  Or<identity::v1::Identity> CreateModule(const Call&, const identity::v1::CreateModuleRequest&);
  Or<identity::v1::Identity> GetModule(const Call&, const identity::v1::ModuleRequest&);
  Or<identity::v1::Identity> UpdateModule(const Call&, const identity::v1::ModuleRequest&);
  Or<identity::v1::Done> DeleteModule(const Call&, const identity::v1::ModuleRequest&);
  Or<identity::v1::ProvisioningInfo> GetProvisioningInfo(const Call&,
                                                         const identity::v1::GetProvisioningInfoRequest&);
  Or<identity::v1::TrustBundle> GetTrustBundle(const Call&, const identity::v1::GetTrustBundleRequest&);
  Or<identity::v1::Status> GetStatus(const Call&, const identity::v1::GetStatusRequest&);
  Or<std::shared_ptr<rpc::Feed>> WatchIdentity(const Call&, const identity::v1::WatchIdentityRequest&);

  std::shared_ptr<const ServiceSettings> settings() const;
  // kPermissionDenied unless the caller may manage modules.
  absl::Status CheckMayManage(const Call& call, const ServiceSettings& settings) const;
  // To a thread of `lane`, which may wait, and the device there.
  Or<DevicePtr> AwaitDevice(const Call& call, const Lane& lane);
  Or<identity::v1::Identity> AnswerDevice(const Call& call);
  Or<identity::v1::Identity> AnswerModule(const Call& call, const std::string& id);
  Or<identity::v1::Identity> AnswerLocal(const Call& call, const ServiceSettings& settings,
                                         const std::string& id, bool server);
  // A module that was just created or updated.
  Or<identity::v1::Identity> Describe(const Call& call, const DeviceIdentity& device,
                                      const Or<Module>& module);

  void WatchLoop();
  // The identity of `uid` from what is known; nullopt when keyd could not be asked.
  std::optional<identity::v1::WatchIdentityReply> Current(uid_t uid);

  const Parts parts_;
  mutable std::mutex mutex_;
  std::shared_ptr<const ServiceSettings> settings_;
  std::map<uid_t, std::weak_ptr<rpc::Feed>> feeds_;
  std::thread watcher_;
};

}  // namespace aziot::identityd
