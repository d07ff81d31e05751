#include "common/server/test_services.h"

#include "absl/strings/str_cat.h"

namespace aziot::server {

TestKeys::TestKeys(rpc::Dispatcher& dispatcher)
    : get_key([](const rpc::CallContext&, const std::string& id) {
        keys::v1::KeyHandle handle;
        handle.set_key_handle(id);
        return handle;
      }) {
  dispatcher.Add("aziot.keys.v1.Keys.GetKey", *this, &TestKeys::GetKey);
  dispatcher.Add("aziot.keys.v1.Keys.CreateKey", *this, &TestKeys::CreateKey);
  dispatcher.Add("aziot.keys.v1.Keys.DeleteKey", *this, &TestKeys::DeleteKey);
}

absl::StatusOr<keys::v1::KeyHandle> TestKeys::GetKey(const rpc::CallContext& call,
                                                     const keys::v1::GetKeyRequest& request) {
  return get_key(call, request.id());
}

absl::StatusOr<keys::v1::KeyHandle> TestKeys::CreateKey(const rpc::CallContext&,
                                                        const keys::v1::CreateKeyRequest& request) {
  keys::v1::KeyHandle handle;
  handle.set_key_handle(absl::StrCat(request.key_id(), ":", request.key_bytes().size()));
  return handle;
}

absl::StatusOr<keys::v1::Done> TestKeys::DeleteKey(const rpc::CallContext&, const keys::v1::KeyHandle&) {
  return keys::v1::Done();
}

namespace {

rpc::Feed::Value DeviceValue(absl::string_view device_id) {
  auto reply = std::make_shared<identity::v1::WatchIdentityReply>();
  reply->mutable_identity()->set_type("aziot");
  reply->mutable_identity()->mutable_spec()->set_device_id(std::string(device_id));
  return reply;
}

}  // namespace

TestIdentities::TestIdentities(rpc::Dispatcher& dispatcher)
    : feed_(std::make_shared<rpc::Feed>(DeviceValue("first"))) {
  dispatcher.Add("aziot.identity.v1.Identities.UpdateModule", *this, &TestIdentities::UpdateModule);
  dispatcher.AddStream<identity::v1::WatchIdentityReply>("aziot.identity.v1.Identities.WatchIdentity", *this,
                                                         &TestIdentities::Watch);
}

absl::StatusOr<identity::v1::Identity> TestIdentities::UpdateModule(
    const rpc::CallContext&, const identity::v1::ModuleRequest& request) {
  identity::v1::Identity identity;
  identity.set_type(request.type());
  return identity;
}

void TestIdentities::SetDevice(absl::string_view device_id) { feed_->Set(DeviceValue(device_id)); }

absl::StatusOr<std::shared_ptr<rpc::Feed>> TestIdentities::Watch(const rpc::CallContext&,
                                                                 const identity::v1::WatchIdentityRequest&) {
  return feed_;
}

}  // namespace aziot::server
