// For the tests of this room: the routes of keyd and identityd, with nothing behind them.
#pragma once

#include "aziot/identity/v1/identity.pb.h"
#include "aziot/keys/v1/keys.pb.h"
#include "common/rpc/dispatcher.h"

namespace aziot::rpc {

// Handlers are never run here: routes need only know that they are there.
struct Nobody {
  template <class In, class Out>
  absl::StatusOr<Out> Run(const CallContext&, const In&) {
    return Out();
  }
  template <class In, class Out>
  void Serve(Dispatcher& dispatcher, absl::string_view method) {
    dispatcher.Add(method, *this, &Nobody::Run<In, Out>);
  }
};

inline Dispatcher KeysDispatcher(Nobody& nobody) {
  Dispatcher d;
  nobody.Serve<keys::v1::CreateKeyRequest, keys::v1::KeyHandle>(d, "aziot.keys.v1.Keys.CreateKey");
  nobody.Serve<keys::v1::GetKeyRequest, keys::v1::KeyHandle>(d, "aziot.keys.v1.Keys.GetKey");
  nobody.Serve<keys::v1::KeyHandle, keys::v1::Done>(d, "aziot.keys.v1.Keys.DeleteKey");
  nobody.Serve<keys::v1::MoveRequest, keys::v1::Done>(d, "aziot.keys.v1.Keys.MoveKey");
  nobody.Serve<keys::v1::CreateKeyPairRequest, keys::v1::KeyHandle>(d, "aziot.keys.v1.Keys.CreateKeyPair");
  nobody.Serve<keys::v1::GetKeyRequest, keys::v1::KeyHandle>(d, "aziot.keys.v1.Keys.GetKeyPair");
  nobody.Serve<keys::v1::KeyHandle, keys::v1::Done>(d, "aziot.keys.v1.Keys.DeleteKeyPair");
  nobody.Serve<keys::v1::MoveRequest, keys::v1::Done>(d, "aziot.keys.v1.Keys.MoveKeyPair");
  nobody.Serve<keys::v1::GetParameterRequest, keys::v1::Parameter>(d, "aziot.keys.v1.Keys.GetParameter");
  nobody.Serve<keys::v1::CreateDerivedKeyRequest, keys::v1::KeyHandle>(d,
                                                                       "aziot.keys.v1.Keys.CreateDerivedKey");
  nobody.Serve<keys::v1::KeyHandle, keys::v1::DerivedKey>(d, "aziot.keys.v1.Keys.ExportDerivedKey");
  nobody.Serve<keys::v1::SignRequest, keys::v1::SignReply>(d, "aziot.keys.v1.Keys.Sign");
  nobody.Serve<keys::v1::EncryptRequest, keys::v1::EncryptReply>(d, "aziot.keys.v1.Keys.Encrypt");
  nobody.Serve<keys::v1::DecryptRequest, keys::v1::DecryptReply>(d, "aziot.keys.v1.Keys.Decrypt");
  return d;
}

inline Dispatcher IdentitiesDispatcher(Nobody& nobody) {
  Dispatcher d;
  nobody.Serve<identity::v1::GetCallerIdentityRequest, identity::v1::Identity>(
      d, "aziot.identity.v1.Identities.GetCallerIdentity");
  nobody.Serve<identity::v1::DeviceRequest, identity::v1::Identity>(
      d, "aziot.identity.v1.Identities.GetDeviceIdentity");
  nobody.Serve<identity::v1::ReprovisionRequest, identity::v1::Done>(
      d, "aziot.identity.v1.Identities.ReprovisionDevice");
  nobody.Serve<identity::v1::ListModulesRequest, identity::v1::IdentityList>(
      d, "aziot.identity.v1.Identities.ListModules");
  nobody.Serve<identity::v1::CreateModuleRequest, identity::v1::Identity>(
      d, "aziot.identity.v1.Identities.CreateModule");
  nobody.Serve<identity::v1::ModuleRequest, identity::v1::Identity>(d,
                                                                    "aziot.identity.v1.Identities.GetModule");
  nobody.Serve<identity::v1::ModuleRequest, identity::v1::Identity>(
      d, "aziot.identity.v1.Identities.UpdateModule");
  nobody.Serve<identity::v1::ModuleRequest, identity::v1::Done>(d,
                                                                "aziot.identity.v1.Identities.DeleteModule");
  nobody.Serve<identity::v1::GetProvisioningInfoRequest, identity::v1::ProvisioningInfo>(
      d, "aziot.identity.v1.Identities.GetProvisioningInfo");
  nobody.Serve<identity::v1::GetTrustBundleRequest, identity::v1::TrustBundle>(
      d, "aziot.identity.v1.Identities.GetTrustBundle");
  nobody.Serve<identity::v1::GetStatusRequest, identity::v1::Status>(
      d, "aziot.identity.v1.Identities.GetStatus");
  return d;
}

}  // namespace aziot::rpc
