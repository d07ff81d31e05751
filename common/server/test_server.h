// For the tests of this room: a server over the test services on a socket of its own, and a raw client that
// sees every byte.
#pragma once

#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/net/unique_fd.h"
#include "common/rpc/dispatcher.h"
#include "common/server/server.h"
#include "common/server/test_services.h"
#include "common/testing/temp_dir.h"

namespace aziot::server {

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
  // What one read gives, once something is there.
  std::string ReadOnce();
  // True when nothing but the end of the stream follows.
  bool AtEnd();
  // Reads and drops what comes; true when the stream ended (or broke) in time.
  bool EndsWithin(absl::Duration limit);
  void HalfClose();
  void Close() { fd_.reset(); }

 private:
  bool ReadMore();

  net::UniqueFd fd_;
  std::string read_;
};

// Waits until there are so many connections, that of `probe` included; false when that takes more than 20 s.
bool AwaitConnections(RawClient& probe, int count);

// "GET /key/<id>" with the api-version.
std::string GetKeyRequestText(absl::string_view id, absl::string_view fields = "");
// "POST /key" with a header that announces `body` bytes of JSON; and such a body.
std::string CreateKeyHead(size_t body, absl::string_view fields = "");
constexpr absl::string_view kCreateKey = R"({"keyId":"k","usage":"sign"})";

}  // namespace aziot::server
