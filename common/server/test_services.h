// For the tests of this room: aziot.keys.v1.Keys and aziot.identity.v1.Identities with handlers that tests
// choose.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "aziot/identity/v1/identity.pb.h"
#include "aziot/keys/v1/keys.pb.h"
#include "common/rpc/dispatcher.h"
#include "common/rpc/feed.h"

namespace aziot::server {

// GetKey runs what the test says; DeleteKey does nothing.
class TestKeys {
 public:
  using GetKeyHandler =
      std::function<absl::StatusOr<keys::v1::KeyHandle>(const rpc::CallContext&, const std::string& id)>;

  explicit TestKeys(rpc::Dispatcher& dispatcher);

  // Echoes the id by default.
  GetKeyHandler get_key;

 private:
  absl::StatusOr<keys::v1::KeyHandle> GetKey(const rpc::CallContext& call,
                                             const keys::v1::GetKeyRequest& request);
  absl::StatusOr<keys::v1::KeyHandle> CreateKey(const rpc::CallContext& call,
                                                const keys::v1::CreateKeyRequest& request);
  absl::StatusOr<keys::v1::Done> DeleteKey(const rpc::CallContext& call, const keys::v1::KeyHandle& request);
};

// WatchIdentity shows the device that was set last; "first" to begin with. UpdateModule echoes the type asked
// for.
class TestIdentities {
 public:
  explicit TestIdentities(rpc::Dispatcher& dispatcher);
  void SetDevice(absl::string_view device_id);

 private:
  absl::StatusOr<identity::v1::Identity> UpdateModule(const rpc::CallContext& call,
                                                      const identity::v1::ModuleRequest& request);
  absl::StatusOr<std::shared_ptr<rpc::Feed>> Watch(const rpc::CallContext& call,
                                                   const identity::v1::WatchIdentityRequest& request);
  const std::shared_ptr<rpc::Feed> feed_;
};

}  // namespace aziot::server
