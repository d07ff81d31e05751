// The gRPC front through its module, called by a gRPC client that is a program of its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/rpc/errors.h"
#include "common/server/test_server.h"

namespace aziot::server {
namespace {

std::string BuildDirectory() {
  const char* directory = std::getenv("AZIOT_BUILD_DIR");
  return directory != nullptr ? directory : ".";
}

Options WithModule() {
  Options options;
  options.grpc_module = BuildDirectory() + "/lib/aziot-identity-service/aziot_grpc.so";
  return options;
}

// A client process; its lines as they come.
class Client {
 public:
  Client(const TestServer& server, absl::string_view words)
      : out_(
            popen(absl::StrCat(BuildDirectory(), "/test/grpc_front_test_client ", server.socket(), " ", words)
                      .c_str(),
                  "r")) {}
  ~Client() { pclose(out_); }
  std::string Line() {
    char text[1024] = "";
    if (std::fgets(text, sizeof text, out_) == nullptr) return "<end>";
    std::string line = text;
    if (!line.empty() && line.back() == '\n') line.pop_back();
    return line;
  }

 private:
  FILE* out_;
};

TEST(GrpcFrontTest, AnswersACall) {
  TestServer server(WithModule());
  EXPECT_EQ(Client(server, "get device-id").Line(), "device-id");
}

TEST(GrpcFrontTest, StatusesHaveTheirCodeAndText) {
  TestServer server(
      WithModule(),
      [](const rpc::CallContext&, const std::string& id) -> absl::StatusOr<keys::v1::KeyHandle> {
        if (id == "denied") return rpc::NotAuthorized("user 1 is not authorized");
        return absl::InternalError("a secret path");
      });
  EXPECT_EQ(Client(server, "get denied").Line(), "error 7 user 1 is not authorized");
  EXPECT_EQ(Client(server, "get other").Line(), "error 13 internal error");
}

TEST(GrpcFrontTest, HandlersSeePeerVersionAndLane) {
  TestServer server(
      WithModule(),
      [](const rpc::CallContext& call, const std::string&) -> absl::StatusOr<keys::v1::KeyHandle> {
        if (absl::Status moved = call.MoveTo(Lane::Peers()); !moved.ok()) return moved;
        keys::v1::KeyHandle handle;
        handle.set_key_handle(absl::StrCat(call.peer.uid, " ", call.api_version));
        return handle;
      });
  EXPECT_EQ(Client(server, "get a").Line(), absl::StrCat(geteuid(), " 2026-12-01"));
  if (geteuid() != 0) GTEST_SKIP() << "only root may become another user";
  server.AllowEveryone();
  EXPECT_EQ(Client(server, "--uid 64001 get a").Line(), "64001 2026-12-01");
}

TEST(GrpcFrontTest, AWatchShowsTheNewestValueAndEveryChange) {
  TestServer server(WithModule());
  Client client(server, "watch 2");
  EXPECT_EQ(client.Line(), "first");
  server.identities().SetDevice("second");
  EXPECT_EQ(client.Line(), "second");
  EXPECT_EQ(client.Line(), "error 1 CANCELLED");
}

TEST(GrpcFrontTest, TheClientsDeadlineReachesTheHandler) {
  absl::Duration left = absl::ZeroDuration();
  TestServer server(WithModule(), [&left](const rpc::CallContext& call, const std::string& id) {
    left = call.deadline - absl::Now();
    keys::v1::KeyHandle handle;
    handle.set_key_handle(id);
    return absl::StatusOr<keys::v1::KeyHandle>(handle);
  });
  Client(server, "brief a").Line();
  EXPECT_LE(left, absl::Milliseconds(300));
}

// What was small on its way could be large in memory.
TEST(GrpcFrontTest, CompressedMessagesAreRefused) {
  TestServer server(WithModule());
  EXPECT_THAT(Client(server, "zip 200000").Line(), ::testing::StartsWith("error 12 "));
  EXPECT_EQ(Client(server, "get a").Line(), "a");
}

TEST(GrpcFrontTest, AConnectionWithoutCallsEnds) {
  Options options = WithModule();
  options.limits.set_idle_seconds(1);
  TestServer server(options);
  Client watching(server, "watch 2");
  EXPECT_EQ(watching.Line(), "first");
  RawClient idle(server.socket());
  // The preface and empty SETTINGS.
  ASSERT_TRUE(idle.Send(absl::string_view("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33)));
  idle.ReadAnswer();
  EXPECT_TRUE(idle.AtEnd());
  server.identities().SetDevice("second");
  EXPECT_EQ(watching.Line(), "second");
}

TEST(GrpcFrontTest, StoppingEndsWatches) {
  TestServer server(WithModule());
  Client client(server, "watch");
  EXPECT_EQ(client.Line(), "first");
  server.Stop();
  EXPECT_EQ(client.Line(), "error 14 the service stops");
}

TEST(GrpcFrontTest, AClientThatVanishesLeavesNothingBehind) {
  Options options = WithModule();
  options.limits.set_connections_per_uid(1);
  TestServer server(options);
  // Each needs the place of the one before: a connection that was not noticed to end would hold it for good.
  for (int i = 0; i < 5; ++i) {
    Client client(server, "watch 1");
    EXPECT_EQ(client.Line(), "first");
    EXPECT_EQ(client.Line(), "error 1 CANCELLED");
    EXPECT_EQ(client.Line(), "<end>");
    while (true) {
      RawClient probe(server.socket());
      if (probe.Send("GET /live HTTP/1.1\r\nConnection: close\r\n\r\n") && !probe.ReadAnswer().empty()) break;
      usleep(10'000);
    }
  }
}

TEST(GrpcFrontTest, BothFrontsShareOneSocket) {
  TestServer server(WithModule());
  EXPECT_EQ(Client(server, "get a").Line(), "a");
  RawClient rest(server.socket());
  ASSERT_TRUE(rest.Send(GetKeyRequestText("b")));
  EXPECT_THAT(rest.ReadAnswer(), ::testing::HasSubstr("\"b\""));
}

TEST(GrpcFrontTest, WithoutTheModuleTheConnectionIsClosed) {
  Options options;
  options.grpc_module = "/nowhere/aziot_grpc.so";
  TestServer server(options);
  RawClient client(server.socket());
  ASSERT_TRUE(client.Send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
  EXPECT_TRUE(client.AtEnd());
}

}  // namespace
}  // namespace aziot::server
