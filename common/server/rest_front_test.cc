// Requests over the REST front: in pieces, in a row, refused, late.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/server/test_gate.h"
#include "common/server/test_server.h"

namespace aziot::server {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

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

}  // namespace
}  // namespace aziot::server
