// The gRPC front through its module, called by a gRPC client that is a program of its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/rpc/errors.h"
#include "common/server/test_gate.h"
#include "common/server/test_grpc_client.h"
#include "common/server/test_server.h"

namespace aziot::server {
namespace {

TEST(GrpcFrontTest, AnswersACall) {
  TestServer server(WithModule());
  EXPECT_EQ(GrpcClient(server, "get device-id").Line(), "device-id");
}

TEST(GrpcFrontTest, StatusesHaveTheirCodeAndText) {
  TestServer server(
      WithModule(),
      [](const rpc::CallContext&, const std::string& id) -> absl::StatusOr<keys::v1::KeyHandle> {
        if (id == "denied") return rpc::NotAuthorized("user 1 is not authorized");
        return absl::InternalError("a secret path");
      });
  EXPECT_EQ(GrpcClient(server, "get denied").Line(), "error 7 user 1 is not authorized");
  EXPECT_EQ(GrpcClient(server, "get other").Line(), "error 13 internal error");
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
  EXPECT_EQ(GrpcClient(server, "get a").Line(), absl::StrCat(geteuid(), " 2026-12-01"));
  if (geteuid() != 0) GTEST_SKIP() << "only root may become another user";
  server.AllowEveryone();
  EXPECT_EQ(GrpcClient(server, "--uid 64001 get a").Line(), "64001 2026-12-01");
}

TEST(GrpcFrontTest, AWatchShowsTheNewestValueAndEveryChange) {
  TestServer server(WithModule());
  GrpcClient client(server, "watch 2");
  EXPECT_EQ(client.Line(), "first");
  server.identities().SetDevice("second");
  EXPECT_EQ(client.Line(), "second");
  EXPECT_EQ(client.Line(), "error 1 CANCELLED");
}

TEST(GrpcFrontTest, TheClientsDeadlineReachesTheHandler) {
  std::atomic<int64_t> left{-1};
  TestServer server(WithModule(), [&left](const rpc::CallContext& call, const std::string& id) {
    left = absl::ToInt64Milliseconds(call.deadline - absl::Now());
    keys::v1::KeyHandle handle;
    handle.set_key_handle(id);
    return absl::StatusOr<keys::v1::KeyHandle>(handle);
  });
  EXPECT_EQ(GrpcClient(server, "brief a").Line(), "a");
  EXPECT_GE(left, 0);
  EXPECT_LE(left, 300);
}

// What was small on its way could be large in memory.
TEST(GrpcFrontTest, CompressedMessagesAreRefused) {
  TestServer server(WithModule());
  EXPECT_THAT(GrpcClient(server, "zip 200000").Line(), ::testing::StartsWith("error 12 "));
  EXPECT_EQ(GrpcClient(server, "get a").Line(), "a");
}

TEST(GrpcFrontTest, AConnectionWithoutCallsEnds) {
  Options options = WithModule();
  options.limits.set_idle_seconds(1);
  TestServer server(options);
  GrpcClient watching(server, "watch 2");
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
  GrpcClient client(server, "watch");
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
    GrpcClient client(server, "watch 1");
    EXPECT_EQ(client.Line(), "first");
    EXPECT_EQ(client.Line(), "error 1 CANCELLED");
    EXPECT_EQ(client.Line(), "<end>");
    std::string answer;
    for (int tries = 0; answer.empty() && tries < 1000; ++tries) {
      RawClient probe(server.socket());
      if (probe.Send("GET /live HTTP/1.1\r\nConnection: close\r\n\r\n")) answer = probe.ReadAnswer();
      if (answer.empty()) usleep(10'000);
    }
    ASSERT_THAT(answer, ::testing::StartsWith("HTTP/1.1 200 ")) << "the place was not given back";
  }
}

TEST(GrpcFrontTest, AWaitingCallWhoseClientIsGoneDoesNotRun) {
  for (const char* words : {"get never", "watch"}) {
    Gate gate;
    std::atomic<int> ran{0};
    Options options = WithModule();
    options.max_requests = 1;
    TestServer server(options, [&](const rpc::CallContext& call, const std::string& id) {
      if (id == "never") ++ran;
      return SlowOrQuick(gate)(call, id);
    });
    RawClient working(server.socket());
    ASSERT_TRUE(working.Send(GetKeyRequestText("slow")));
    gate.AwaitInside(1);
    {
      GrpcClient waiting(server, words, "0.3");
      EXPECT_EQ(waiting.Line(), "<end>");
    }
    // The gRPC connection ends although no turn has come: its call was taken back.
    RawClient probe(server.socket());
    EXPECT_TRUE(AwaitConnections(probe, 2));
    gate.Open();
    EXPECT_THAT(working.ReadAnswer(), ::testing::StartsWith("HTTP/1.1 200 "));
    ASSERT_TRUE(working.Send(GetKeyRequestText("quick")));
    EXPECT_THAT(working.ReadAnswer(), ::testing::StartsWith("HTTP/1.1 200 "));
    EXPECT_EQ(ran, 0);
  }
}

TEST(GrpcFrontTest, UnknownMethodsAreCounted) {
  TestServer server(WithModule());
  EXPECT_EQ(GrpcClient(server, "unknown").Line(), "error 12 no such method");
  RawClient observer(server.socket());
  ASSERT_TRUE(observer.Send("GET /metrics HTTP/1.1\r\n\r\n"));
  EXPECT_THAT(observer.ReadAnswer(), ::testing::HasSubstr("aziot_refused_requests_total 1\n"));
}

TEST(GrpcFrontTest, BothFrontsShareOneSocket) {
  TestServer server(WithModule());
  EXPECT_EQ(GrpcClient(server, "get a").Line(), "a");
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
