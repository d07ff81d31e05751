#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/rpc/errors.h"
#include "common/server/test_server.h"

namespace aziot::server {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// Holds callers until it is opened, and knows how many are inside.
class Gate {
 public:
  void Pass() {
    std::unique_lock lock(mutex_);
    ++inside_;
    wake_.notify_all();
    wake_.wait(lock, [this] { return open_; });
    --inside_;
  }
  void AwaitInside(int count) {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [&] { return inside_ >= count; });
  }
  int inside() {
    const std::lock_guard lock(mutex_);
    return inside_;
  }
  void Open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    wake_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  int inside_ = 0;
  bool open_ = false;
};

keys::v1::KeyHandle Handle(absl::string_view text) {
  keys::v1::KeyHandle handle;
  handle.set_key_handle(std::string(text));
  return handle;
}

// "slow" waits at `gate` on the lane for peers; anything else answers where it is read.
TestKeys::GetKeyHandler SlowOrQuick(Gate& gate) {
  return [&gate](const rpc::CallContext& call, const std::string& id) -> absl::StatusOr<keys::v1::KeyHandle> {
    if (id == "slow") {
      if (absl::Status moved = call.MoveTo(Lane::Peers()); !moved.ok()) return moved;
      gate.Pass();
    }
    return Handle(id);
  };
}

std::string CreateKeyHead(size_t body, absl::string_view fields = "") {
  return absl::StrCat(
      "POST /key?api-version=2020-09-01 HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: ", body,
      "\r\n", fields, "\r\n");
}
constexpr absl::string_view kCreateKey = R"({"keyId":"k","usage":"sign"})";

TEST(RestFrontTest, AnswersInOneWellFormedMessage) {
  TestServer server;
  RawClient client(server.socket());
  ASSERT_TRUE(client.Send(GetKeyRequestText("device-id")));
  const std::string answer = client.ReadAnswer();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("content-type: application/json\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n{\"keyHandle\":\"device-id\"}"));
}

TEST(RestFrontTest, KeepsTheConnection) {
  TestServer server;
  RawClient client(server.socket());
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(client.Send(GetKeyRequestText(absl::StrCat(i))));
    EXPECT_THAT(client.ReadAnswer(), EndsWith(absl::StrCat("{\"keyHandle\":\"", i, "\"}")));
  }
}

TEST(RestFrontTest, ClosesWhenAskedTo) {
  TestServer server;
  RawClient client(server.socket());
  ASSERT_TRUE(client.Send(GetKeyRequestText("a", "Connection: close\r\n")));
  EXPECT_THAT(client.ReadAnswer(), HasSubstr("connection: close\r\n"));
  EXPECT_TRUE(client.AtEnd());
}

TEST(RestFrontTest, AnswersPipelinedRequestsInOrderWhereverTheyRun) {
  Gate gate;
  gate.Open();
  TestServer server({}, SlowOrQuick(gate));
  RawClient client(server.socket());
  std::string wire;
  for (int i = 0; i < 100; ++i) wire += GetKeyRequestText(i % 3 == 0 ? "slow" : absl::StrCat("q", i));
  ASSERT_TRUE(client.Send(wire));
  for (int i = 0; i < 100; ++i) {
    EXPECT_THAT(client.ReadAnswer(), HasSubstr(i % 3 == 0 ? "\"slow\"" : absl::StrCat("\"q", i, "\"")));
  }
}

TEST(RestFrontTest, AnswersAfterTheClientClosedItsSide) {
  TestServer server;
  RawClient client(server.socket());
  ASSERT_TRUE(client.Send(GetKeyRequestText("a")));
  client.HalfClose();
  EXPECT_THAT(client.ReadAnswer(), HasSubstr("\"a\""));
  EXPECT_TRUE(client.AtEnd());
}

TEST(RestFrontTest, AnswersAllThatCameBeforeTheClientClosedItsSide) {
  Gate gate;
  TestServer server({}, SlowOrQuick(gate));
  RawClient client(server.socket());
  ASSERT_TRUE(client.Send(GetKeyRequestText("slow") + GetKeyRequestText("b") + "GET /half"));
  client.HalfClose();
  gate.AwaitInside(1);
  gate.Open();
  EXPECT_THAT(client.ReadAnswer(), HasSubstr("\"slow\""));
  EXPECT_THAT(client.ReadAnswer(), HasSubstr("\"b\""));
  EXPECT_TRUE(client.AtEnd());
}

TEST(RestFrontTest, ABodyThatEndsEarlyIs400) {
  TestServer server;
  RawClient client(server.socket());
  ASSERT_TRUE(client.Send(CreateKeyHead(10) + "{"));
  client.HalfClose();
  EXPECT_THAT(client.ReadAnswer(),
              AllOf(StartsWith("HTTP/1.1 400 "), EndsWith("\r\n\r\n{\"message\":\"bad request\"}")));
  EXPECT_TRUE(client.AtEnd());
}

TEST(RestFrontTest, AHandlerThatThrowsIs500AndEndsNothing) {
  TestServer server(
      {}, [](const rpc::CallContext& call, const std::string& id) -> absl::StatusOr<keys::v1::KeyHandle> {
        if (id == "lane") {
          if (absl::Status moved = call.MoveTo(Lane::Peers()); !moved.ok()) return moved;
        }
        if (id != "a") throw std::runtime_error("a library is at its end");
        return Handle(id);
      });
  RawClient client(server.socket());
  for (const char* id : {"here", "lane"}) {
    ASSERT_TRUE(client.Send(GetKeyRequestText(id)));
    EXPECT_THAT(client.ReadAnswer(),
                AllOf(StartsWith("HTTP/1.1 500 "), EndsWith("\r\n\r\n{\"message\":\"internal error\"}")));
  }
  ASSERT_TRUE(client.Send(GetKeyRequestText("a")));
  EXPECT_THAT(client.ReadAnswer(), StartsWith("HTTP/1.1 200 "));
}

TEST(RestFrontTest, TakesABodyInPiecesAndInChunks) {
  TestServer server;
  RawClient client(server.socket());
  const std::string whole = CreateKeyHead(kCreateKey.size()) + std::string(kCreateKey);
  for (const char byte : whole) ASSERT_TRUE(client.Send(std::string(1, byte)));
  EXPECT_THAT(client.ReadAnswer(), HasSubstr("\"k:0\""));
  ASSERT_TRUE(client.Send(
      absl::StrCat("POST /key?api-version=2020-09-01 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n",
                   kCreateKey.substr(0, 5), "\r\n", absl::Hex(kCreateKey.size() - 5), "\r\n",
                   kCreateKey.substr(5), "\r\n0\r\n\r\n")));
  EXPECT_THAT(client.ReadAnswer(), HasSubstr("\"k:0\""));
}

TEST(RestFrontTest, TellsAClientThatWaitsToContinue) {
  TestServer server;
  RawClient client(server.socket());
  ASSERT_TRUE(client.Send(CreateKeyHead(kCreateKey.size(), "Expect: 100-continue\r\n")));
  EXPECT_EQ(client.ReadAnswer(), "HTTP/1.1 100 Continue\r\n\r\n");
  ASSERT_TRUE(client.Send(kCreateKey));
  EXPECT_THAT(client.ReadAnswer(), HasSubstr("\"k:0\""));
}

TEST(RestFrontTest, GivesHeadNoBody) {
  TestServer server;
  RawClient client(server.socket());
  ASSERT_TRUE(client.Send("HEAD /key/a?api-version=2020-09-01 HTTP/1.1\r\n\r\n" + GetKeyRequestText("next")));
  EXPECT_THAT(client.ReadAnswer(false), AllOf(StartsWith("HTTP/1.1 400 "), EndsWith("\r\n\r\n")));
  EXPECT_THAT(client.ReadAnswer(), AllOf(StartsWith("HTTP/1.1 200 "), HasSubstr("next")));
}

std::string ManyFields(int count) {
  std::string fields;
  for (int i = 0; i < count; ++i) fields += "x: y\r\n";
  return fields;
}

struct Refusal {
  const char* name;
  std::string request;
  const char* status_line;
  const char* end;
};
class RefusalTest : public ::testing::TestWithParam<Refusal> {};

TEST_P(RefusalTest, IsAnsweredAndTheConnectionEnds) {
  TestServer server;
  RawClient client(server.socket());
  client.Send(GetParam().request);  // part of it may find the connection closed already
  EXPECT_THAT(client.ReadAnswer(), AllOf(StartsWith(GetParam().status_line), EndsWith(GetParam().end)));
  EXPECT_TRUE(client.AtEnd());
}
INSTANTIATE_TEST_SUITE_P(
    All, RefusalTest,
    ::testing::Values(
        Refusal{"BodyTooLarge", CreateKeyHead(300 * 1024) + std::string(300 * 1024, 'x'), "HTTP/1.1 413 ",
                "\r\n\r\n{\"message\":\"request body too large\"}"},
        Refusal{"AnnouncedBodyTooLarge", CreateKeyHead(300 * 1024, "Expect: 100-continue\r\n"),
                "HTTP/1.1 413 ", "\r\n\r\n{\"message\":\"request body too large\"}"},
        Refusal{"HeaderTooLarge",
                GetKeyRequestText("a", absl::StrCat("x: ", std::string(20000, 'y'), "\r\n")), "HTTP/1.1 431 ",
                "\r\n\r\n{\"message\":\"request header too large\"}"},
        Refusal{"TooManyFields", GetKeyRequestText("a", ManyFields(65)), "HTTP/1.1 431 ",
                "\r\n\r\n{\"message\":\"request header too large\"}"},
        Refusal{"TargetTooLong", GetKeyRequestText(std::string(20000, 'a')), "HTTP/1.1 414 ",
                "\r\n\r\n{\"message\":\"request target too long\"}"},
        Refusal{"BrokenChunk",
                "POST /key?api-version=2020-09-01 HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
                "HTTP/1.1 400 ", "\r\n\r\n{\"message\":\"bad request\"}"},
        Refusal{"TwoLengths", GetKeyRequestText("a", "content-length: 1\r\ntransfer-encoding: chunked\r\n"),
                "HTTP/1.1 400 ", "content-length: 0\r\nconnection: close\r\n\r\n"},
        Refusal{"NotHttp", "\x16\x03\x01 hello\r\n\r\n", "HTTP/1.1 400 ",
                "content-length: 0\r\nconnection: close\r\n\r\n"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(DeadlineTest, AHalfSentHeaderIsClosedWithoutAnAnswer) {
  Options options;
  options.limits.set_header_seconds(1);
  TestServer server(options);
  RawClient silent(server.socket()), half(server.socket()), later(server.socket());
  ASSERT_TRUE(half.Send("GET /key/a?api-version=2020-09-01 HTTP/1.1\r\n"));
  ASSERT_TRUE(later.Send(GetKeyRequestText("a")));
  EXPECT_THAT(later.ReadAnswer(), StartsWith("HTTP/1.1 200 "));
  ASSERT_TRUE(later.Send("GET"));
  EXPECT_EQ(half.ReadAnswer(), "");
  EXPECT_EQ(silent.ReadAnswer(), "");
  EXPECT_EQ(later.ReadAnswer(), "");
}

TEST(DeadlineTest, AHalfSentBodyIs408) {
  Options options;
  options.limits.set_body_seconds(1);
  TestServer server(options);
  RawClient client(server.socket());
  ASSERT_TRUE(client.Send(CreateKeyHead(10) + "{"));
  EXPECT_THAT(client.ReadAnswer(),
              AllOf(StartsWith("HTTP/1.1 408 "), EndsWith("\r\n\r\n{\"message\":\"deadline has elapsed\"}")));
  EXPECT_TRUE(client.AtEnd());
}

TEST(DeadlineTest, AnIdleConnectionIsClosed) {
  Options options;
  options.limits.set_idle_seconds(1);
  TestServer server(options);
  RawClient client(server.socket());
  ASSERT_TRUE(client.Send(GetKeyRequestText("a")));
  EXPECT_THAT(client.ReadAnswer(), StartsWith("HTTP/1.1 200 "));
  EXPECT_TRUE(client.AtEnd());
}

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
  const auto connections = [&probe] {
    probe.Send("GET /metrics HTTP/1.1\r\n\r\n");
    const std::string metrics = probe.ReadAnswer();
    const size_t at = metrics.find("\naziot_connections ");
    return metrics.substr(at + 1, metrics.find('\n', at + 1) - at - 1);
  };
  for (int i = 0; i < 5; ++i) {
    RawClient impatient(server.socket());
    ASSERT_TRUE(impatient.Send(GetKeyRequestText("quick")));
    impatient.Close();
    while (connections() != "aziot_connections 2") usleep(1000);
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

TEST(ObservingTest, NeedsNoApiVersion) {
  Options options;
  std::atomic<bool> ready{false};
  options.ready = [&] { return ready ? absl::OkStatus() : absl::UnavailableError("not provisioned"); };
  TestServer server(options);
  RawClient client(server.socket());
  ASSERT_TRUE(client.Send("GET /live HTTP/1.1\r\n\r\n"));
  EXPECT_THAT(client.ReadAnswer(), StartsWith("HTTP/1.1 200 "));
  ASSERT_TRUE(client.Send("GET /ready HTTP/1.1\r\n\r\n"));
  EXPECT_THAT(client.ReadAnswer(), AllOf(StartsWith("HTTP/1.1 503 "), HasSubstr("not provisioned")));
  ready = true;
  ASSERT_TRUE(client.Send("GET http://foo/ready?x HTTP/1.1\r\n\r\n"));
  EXPECT_THAT(client.ReadAnswer(), StartsWith("HTTP/1.1 200 "));
  ASSERT_TRUE(client.Send("POST /live HTTP/1.1\r\ncontent-length: 0\r\n\r\n"));
  EXPECT_THAT(client.ReadAnswer(), HasSubstr("api-version not specified"));
  ASSERT_TRUE(client.Send(GetKeyRequestText("a")));
  client.ReadAnswer();
  ASSERT_TRUE(client.Send("GET /metrics HTTP/1.1\r\n\r\n"));
  const std::string metrics = client.ReadAnswer();
  EXPECT_THAT(metrics,
              HasSubstr("aziot_requests_total{rpc=\"aziot.keys.v1.Keys.GetKey\",class=\"2xx\"} 1\n"));
  EXPECT_THAT(metrics, EndsWith("# EOF\n"));
}

TEST(ObservingTest, CountsWhatNeverBecameACall) {
  TestServer server;
  RawClient large(server.socket()), client(server.socket());
  ASSERT_TRUE(large.Send(CreateKeyHead(300 * 1024)));
  EXPECT_THAT(large.ReadAnswer(), StartsWith("HTTP/1.1 413 "));
  ASSERT_TRUE(client.Send("GET /nothing?api-version=2020-09-01 HTTP/1.1\r\n\r\n"));
  EXPECT_THAT(client.ReadAnswer(), StartsWith("HTTP/1.1 404 "));
  ASSERT_TRUE(client.Send("GET /metrics HTTP/1.1\r\n\r\n"));
  EXPECT_THAT(client.ReadAnswer(), HasSubstr("aziot_refused_requests_total 2\n"));
}

TEST(SniffTest, Http2IsClosedWithoutAByteWhenGrpcIsOff) {
  Options options;
  options.grpc = false;
  TestServer server(options);
  RawClient client(server.socket());
  ASSERT_TRUE(client.Send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
  EXPECT_TRUE(client.AtEnd());
}

TEST(SniffTest, ALoneFirstLetterIsNotTakenForHttp2) {
  TestServer server;
  RawClient client(server.socket());
  ASSERT_TRUE(client.Send("P"));
  ASSERT_TRUE(client.Send((CreateKeyHead(kCreateKey.size()) + std::string(kCreateKey)).substr(1)));
  EXPECT_THAT(client.ReadAnswer(), HasSubstr("\"k:0\""));
}

// The kernel says who asks: a child with another uid is seen as that uid.
TEST(PeerTest, HandlersSeeTheUidOfTheProcess) {
  if (geteuid() != 0) GTEST_SKIP() << "only root may become another user";
  TestServer server(
      {}, [](const rpc::CallContext& call, const std::string&) -> absl::StatusOr<keys::v1::KeyHandle> {
        return rpc::NotAuthorized(absl::StrCat("uid ", call.peer.uid));
      });
  server.AllowEveryone();
  int answer[2];
  ASSERT_EQ(pipe(answer), 0);
  const pid_t child = fork();
  if (child == 0) {
    if (setgid(64001) != 0 || setuid(64001) != 0) _exit(1);
    RawClient client(server.socket());
    client.Send(GetKeyRequestText("a", "Connection: close\r\n"));
    const std::string text = client.ReadAnswer();
    _exit(write(answer[1], text.data(), text.size()) < 0 ? 1 : 0);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  char text[1024];
  const ssize_t count = read(answer[0], text, sizeof text);
  close(answer[0]);
  close(answer[1]);
  ASSERT_GT(count, 0) << status;
  EXPECT_THAT(std::string(text, static_cast<size_t>(count)),
              AllOf(StartsWith("HTTP/1.1 401 "), HasSubstr("uid 64001")));
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
