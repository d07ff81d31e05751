// For the tests of this room: a server over aziot.keys.v1.Keys with handlers that tests choose, on a socket
// of its own, and a raw client that sees every byte.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "aziot/identity/v1/identity.pb.h"
#include "aziot/keys/v1/keys.pb.h"
#include "common/net/unique_fd.h"
#include "common/rpc/dispatcher.h"
#include "common/rpc/feed.h"
#include "common/server/server.h"
#include "common/testing/temp_dir.h"

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

class TestServer {
 public:
  explicit TestServer(Options options = {}, TestKeys::GetKeyHandler get_key = nullptr);
  // Stops it; fails the test when Run did.
  ~TestServer();

  void Stop();
  // Lets other uids reach the socket.
  void AllowEveryone();
  const std::string& socket() const { return socket_; }
  TestIdentities& identities() { return identities_; }

 private:
  testing::TempDir directory_;
  std::string socket_;
  rpc::Dispatcher dispatcher_;
  TestKeys keys_;
  TestIdentities identities_;
  std::unique_ptr<Server> server_;
  std::thread thread_;
  absl::Status ended_;
};

class RawClient {
 public:
  explicit RawClient(const std::string& socket);

  // False when the other side is gone.
  bool Send(absl::string_view bytes);
  // One whole answer, header and body as they came; what was read before an end of stream when there is none,
  // so "" for a connection closed without a byte.
  std::string ReadAnswer(bool has_body = true);
  // True when nothing but the end of the stream follows.
  bool AtEnd();
  void HalfClose();
  void Close() { fd_.reset(); }

 private:
  bool ReadMore();

  net::UniqueFd fd_;
  std::string read_;
};

// "GET /key/<id>" with the api-version.
std::string GetKeyRequestText(absl::string_view id, absl::string_view fields = "");

}  // namespace aziot::server
