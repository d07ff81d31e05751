// Requests that wait: for a turn of their uid, for a thread of their lane, for the end of the server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/server/test_gate.h"
#include "common/server/test_server.h"

namespace aziot::server {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(TurnTest, FurtherRequestsWaitAndAreAllAnswered) {
  Gate gate;
  Options options;
  options.max_requests = 2;
  TestServer server(options, SlowOrQuick(gate));
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(std::make_unique<RawClient>(server.socket()));
    ASSERT_TRUE(clients.back()->Send(GetKeyRequestText("slow")));
  }
  gate.AwaitInside(2);
  EXPECT_EQ(gate.inside(), 2);
  gate.Open();
  for (const auto& client : clients) EXPECT_THAT(client->ReadAnswer(), StartsWith("HTTP/1.1 200 "));
}

TEST(TurnTest, WhoWaitsTooLongGets503AndTheConnectionStays) {
  Gate gate;
  Options options;
  options.max_requests = 1;
  options.limits.set_turn_seconds(1);
  TestServer server(options, SlowOrQuick(gate));
  RawClient first(server.socket()), second(server.socket());
  ASSERT_TRUE(first.Send(GetKeyRequestText("slow")));
  gate.AwaitInside(1);
  ASSERT_TRUE(second.Send(GetKeyRequestText("quick")));
  EXPECT_THAT(second.ReadAnswer(), StartsWith("HTTP/1.1 503 "));
  gate.Open();
  EXPECT_THAT(first.ReadAnswer(), StartsWith("HTTP/1.1 200 "));
  ASSERT_TRUE(second.Send(GetKeyRequestText("quick")));
  EXPECT_THAT(second.ReadAnswer(), StartsWith("HTTP/1.1 200 "));
}

TEST(TurnTest, OnlyAFullQueueClosesWithoutAByte) {
  Gate gate;
  Options options;
  options.max_requests = 1;
  options.limits.set_waiting_per_uid(1);
  TestServer server(options, SlowOrQuick(gate));
  RawClient working(server.socket()), a(server.socket()), b(server.socket());
  ASSERT_TRUE(working.Send(GetKeyRequestText("slow")));
  gate.AwaitInside(1);
  ASSERT_TRUE(a.Send(GetKeyRequestText("a")));
  ASSERT_TRUE(b.Send(GetKeyRequestText("b")));
  // Which of the two came first is the kernel's choice: one waits, the other is closed and opens the gate for
  // it.
  std::string answers[2];
  const auto read = [&](RawClient& client, std::string& answer) {
    answer = client.ReadAnswer();
    gate.Open();
  };
  std::thread other([&] { read(a, answers[0]); });
  read(b, answers[1]);
  other.join();
  EXPECT_THAT(working.ReadAnswer(), StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(answers[0].empty() + answers[1].empty(), 1) << answers[0] << answers[1];
}

TEST(TurnTest, WhoLeavesTheQueueMakesRoom) {
  Gate gate;
  Options options;
  options.max_requests = 1;
  options.limits.set_waiting_per_uid(1);
  TestServer server(options, SlowOrQuick(gate));
  RawClient working(server.socket()), probe(server.socket());
  ASSERT_TRUE(working.Send(GetKeyRequestText("slow")));
  gate.AwaitInside(1);
  for (int i = 0; i < 5; ++i) {
    RawClient impatient(server.socket());
    ASSERT_TRUE(impatient.Send(GetKeyRequestText("quick")));
    impatient.Close();
    ASSERT_TRUE(AwaitConnections(probe, 2));
  }
  RawClient patient(server.socket());
  ASSERT_TRUE(patient.Send(GetKeyRequestText("quick")));
  gate.Open();
  EXPECT_THAT(patient.ReadAnswer(), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(working.ReadAnswer(), StartsWith("HTTP/1.1 200 "));
}

TEST(TurnTest, AConnectionTooManyIsClosed) {
  Options options;
  options.limits.set_connections_per_uid(2);
  TestServer server(options);
  RawClient a(server.socket()), b(server.socket());
  for (RawClient* client : {&a, &b}) {
    ASSERT_TRUE(client->Send(GetKeyRequestText("a")));
    EXPECT_THAT(client->ReadAnswer(), StartsWith("HTTP/1.1 200 "));
  }
  RawClient c(server.socket());
  EXPECT_TRUE(c.AtEnd());
}

TEST(LaneTest, WhatWaitsThereDoesNotHoldUpOthers) {
  Gate gate;
  Options options;
  options.max_requests = 40;
  TestServer server(options, SlowOrQuick(gate));
  std::vector<std::unique_ptr<RawClient>> slow;
  for (int i = 0; i < 20; ++i) {  // more than the lane has threads
    slow.push_back(std::make_unique<RawClient>(server.socket()));
    ASSERT_TRUE(slow.back()->Send(GetKeyRequestText("slow")));
  }
  gate.AwaitInside(16);
  RawClient quick(server.socket());
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(quick.Send(GetKeyRequestText("quick")));
    EXPECT_THAT(quick.ReadAnswer(), HasSubstr("quick"));
  }
  EXPECT_EQ(gate.inside(), 16);
  gate.Open();
  for (const auto& client : slow) EXPECT_THAT(client->ReadAnswer(), HasSubstr("slow"));
}

TEST(LaneTest, WhatWaitsThereDoesNotRunWhenItsClientIsGone) {
  Gate gate;
  std::atomic<int> ran{0};
  Options options;
  options.lanes = {{.lane = Lane::Named("token"), .threads = 1}};
  TestServer server(
      options,
      [&](const rpc::CallContext& call, const std::string& id) -> absl::StatusOr<keys::v1::KeyHandle> {
        if (absl::Status moved = call.MoveTo(Lane::Named("token")); !moved.ok()) return moved;
        ++ran;
        gate.Pass();
        return Handle(id);
      });
  RawClient working(server.socket()), probe(server.socket());
  ASSERT_TRUE(working.Send(GetKeyRequestText("a")));
  gate.AwaitInside(1);
  for (int i = 0; i < 3; ++i) {
    RawClient impatient(server.socket());
    ASSERT_TRUE(impatient.Send(GetKeyRequestText("b")));
    impatient.Close();
    ASSERT_TRUE(AwaitConnections(probe, 2));
  }
  gate.Open();
  EXPECT_THAT(working.ReadAnswer(), StartsWith("HTTP/1.1 200 "));
  ASSERT_TRUE(working.Send(GetKeyRequestText("c")));
  EXPECT_THAT(working.ReadAnswer(), StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(ran, 2);
}

TEST(LaneTest, AFullLaneIs503AndOneThatDoesNotExistIsOurMistake) {
  Gate gate;
  Options options;
  options.lanes = {{.lane = Lane::Named("token"), .threads = 1, .waiting = 1}};
  TestServer server(
      options,
      [&](const rpc::CallContext& call, const std::string& id) -> absl::StatusOr<keys::v1::KeyHandle> {
        if (absl::Status moved = call.MoveTo(Lane::Named(id)); !moved.ok()) return moved;
        gate.Pass();
        return Handle(id);
      });
  RawClient working(server.socket()), unknown(server.socket());
  ASSERT_TRUE(working.Send(GetKeyRequestText("token")));
  gate.AwaitInside(1);
  ASSERT_TRUE(unknown.Send(GetKeyRequestText("nowhere")));
  EXPECT_THAT(unknown.ReadAnswer(),
              AllOf(StartsWith("HTTP/1.1 500 "), EndsWith("{\"message\":\"internal error\"}")));
  // One of two has the lane's only place to wait; the other is refused and opens the gate for it.
  RawClient a(server.socket()), b(server.socket());
  std::string answers[2];
  const auto ask = [&](RawClient& client, std::string& answer) {
    client.Send(GetKeyRequestText("token"));
    answer = client.ReadAnswer();
    gate.Open();
  };
  std::thread other([&] { ask(a, answers[0]); });
  ask(b, answers[1]);
  other.join();
  std::sort(std::begin(answers), std::end(answers));
  EXPECT_THAT(answers[0], StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(answers[1], StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(working.ReadAnswer(), StartsWith("HTTP/1.1 200 "));
}

TEST(DrainTest, WhatIsWorkedOnIsAnsweredAndTheRestEnds) {
  Gate gate;
  TestServer server({}, SlowOrQuick(gate));
  RawClient idle(server.socket()), busy(server.socket());
  ASSERT_TRUE(idle.Send(GetKeyRequestText("a")));
  idle.ReadAnswer();
  ASSERT_TRUE(busy.Send(GetKeyRequestText("slow")));
  gate.AwaitInside(1);
  std::thread stopper([&] { server.Stop(); });
  EXPECT_TRUE(idle.AtEnd());
  gate.Open();
  EXPECT_THAT(busy.ReadAnswer(), AllOf(StartsWith("HTTP/1.1 200 "), HasSubstr("connection: close")));
  stopper.join();
}

}  // namespace
}  // namespace aziot::server
