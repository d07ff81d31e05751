// The rows of the HTTP contract as a client meets them on the socket: what must be accepted, in which order a
// request is judged, and what every answer looks like.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/match.h"
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

constexpr absl::string_view kJson = "content-type: application/json\r\n";
constexpr absl::string_view kText = "content-type: text/plain\r\n";
constexpr absl::string_view kCreateKey = R"({"keyId":"k","usage":"sign"})";

std::string Bodiless(absl::string_view line, absl::string_view fields = "") {
  return absl::StrCat(line, " HTTP/1.1\r\n", fields, "\r\n");
}
std::string With(absl::string_view line, absl::string_view fields, absl::string_view body) {
  return absl::StrCat(line, " HTTP/1.1\r\n", fields, "content-length: ", body.size(), "\r\n\r\n", body);
}

struct Row {
  const char* name;
  std::string request;
  int status;
  std::string body;
};
Row Refused(const char* name, std::string request, int status, absl::string_view message) {
  return {name, std::move(request), status, absl::StrCat(R"({"message":")", message, R"("})")};
}
Row Key(const char* name, std::string request, absl::string_view handle) {
  return {name, std::move(request), 200, absl::StrCat(R"({"keyHandle":")", handle, R"("})")};
}

class RowTest : public ::testing::TestWithParam<Row> {};

TEST_P(RowTest, IsAnsweredAndTheConnectionStaysInStep) {
  TestServer server;
  RawClient client(server.socket());
  ASSERT_TRUE(client.Send(GetParam().request + GetKeyRequestText("next")));
  const std::string answer = client.ReadAnswer();
  const std::string header = answer.substr(0, answer.find("\r\n\r\n") + 4);
  EXPECT_THAT(header, StartsWith(absl::StrCat("HTTP/1.1 ", GetParam().status, " ")));
  EXPECT_EQ(answer.substr(header.size()), GetParam().body);
  EXPECT_THAT(header, HasSubstr("\r\ncontent-type: application/json\r\n"));
  EXPECT_THAT(header, HasSubstr(absl::StrCat("\r\ncontent-length: ", GetParam().body.size(), "\r\n")));
  EXPECT_THAT(header, Not(HasSubstr("transfer-encoding")));
  EXPECT_LT(header.size(), 512u);
  EXPECT_THAT(client.ReadAnswer(), EndsWith(R"({"keyHandle":"next"})"));
}

INSTANTIATE_TEST_SUITE_P(
    Accepted, RowTest,
    ::testing::Values(
        Key("NoHost", Bodiless("GET /key/a?api-version=2020-09-01"), "a"),
        Key("NonsenseHost",
            Bodiless("GET /key/a?api-version=2020-09-01", "HoSt: /run/aziot/keyd.sock:80\r\n"), "a"),
        Key("AbsoluteForm", Bodiless("GET http://foo/key/a?api-version=2020-09-01"), "a"),
        Key("AbsoluteFormOfAnotherKind", Bodiless("GET unix://x:80/key/a?api-version=2020-09-01"), "a"),
        Key("EmptyBodyOnGet", With("GET /key/a?api-version=2020-09-01", "", ""), "a"),
        Key("MixedCaseNames",
            With("POST /key?api-version=2020-09-01", "CONTENT-type: application/json\r\n", kCreateKey),
            "k:0"),
        Key("NoContentType", With("POST /key?api-version=2020-09-01", "", kCreateKey), "k:0"),
        Key("Charset",
            With("POST /key?api-version=2020-09-01", "content-type: application/json; charset=utf-8\r\n",
                 kCreateKey),
            "k:0"),
        Key("EscapedSlashes",
            With("POST /key?api-version=2020-09-01", kJson, R"({"keyId":"a\/b","usage":"sign"})"), "a/b:0"),
        Key("UnknownMembersAndParameters",
            With("POST /key?later=1&api-version=2020-09-01", kJson,
                 R"({"later":{"x":[]},"keyId":"k","usage":"sign"})"),
            "k:0"),
        Key("SlashInsideAnId", Bodiless("GET /key/aziot-edged%2Fmodule:1?api-version=2020-09-01"),
            "aziot-edged/module:1"),
        Key("RawDollarAndPercent", Bodiless("GET /key/$a+100%?api-version=2020-09-01"), "$a+100%"),
        Key("RawUtf8", Bodiless("GET /key/ger\xc3\xa4t?api-version=2020-09-01"), "ger\xc3\xa4t"),
        Key("EncodedUtf8", Bodiless("GET /key/ger%C3%A4t?api-version=2020-09-01"), "ger\xc3\xa4t"),
        Key("QuotesInAnId", Bodiless("GET /key/%22%5C%0A?api-version=2020-09-01"), R"(\"\\\n)"),
        Key("Chunks",
            absl::StrCat(
                "POST /key?api-version=2020-09-01 HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n5;x=y\r\n",
                kCreateKey.substr(0, 5), "\r\n", absl::Hex(kCreateKey.size() - 5), "\r\n",
                kCreateKey.substr(5), "\r\n0\r\ntrailer: x\r\n\r\n"),
            "k:0"),
        Key("UnknownExpectation",
            With("POST /key?api-version=2020-09-01", "expect: something\r\n", kCreateKey), "k:0"),
        Key("ExpectationOnGet", Bodiless("GET /key/a?api-version=2020-09-01", "expect: 100-continue\r\n"),
            "a"),
        Key("EmptyLinesFirst", "\r\n\r\n" + Bodiless("GET /key/a?api-version=2020-09-01"), "a"),
        Key("EncodedVersion", Bodiless("GET /key/a?api%2Dversion=2020%2D09-01"), "a"),
        Key("GetIgnoresItsBody", With("GET /key/a?api-version=2020-09-01", kText, "{broken"), "a"),
        Row{"PutWithJson", With("PUT /identities/modules/m?type=aziot&api-version=2020-09-01", kJson, "{}"),
            200, R"({"type":"aziot","spec":{}})"}),
    [](const auto& info) { return std::string(info.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Judged, RowTest,
    ::testing::Values(
        // 1, 2: the version, before everything else; the last one counts.
        Refused("NoVersion", Bodiless("GET /key/a"), 400, "api-version not specified"),
        Refused("NoVersionBeforeRouteVerbAndBody", With("BREW /nothing", kText, "{broken"), 400,
                "api-version not specified"),
        Refused("EmptyVersion", Bodiless("GET /key/a?api-version="), 400, R"(invalid api-version \"\")"),
        Refused("VersionWithoutValue", Bodiless("GET /key/a?api-version"), 400,
                R"(invalid api-version \"\")"),
        Refused("VersionOfAnotherCase", Bodiless("GET /key/a?API-Version=2020-09-01"), 400,
                "api-version not specified"),
        Refused("UnknownVersion", Bodiless("GET /key/a?api-version=2019-01-01"), 400,
                R"(invalid api-version \"2019-01-01\")"),
        Refused("TheLastVersionLoses", Bodiless("GET /key/a?api-version=2020-09-01&api-version=x"), 400,
                R"(invalid api-version \"x\")"),
        Key("TheLastVersionWins", Bodiless("GET /key/a?api-version=x&api-version=2020-09-01"), "a"),
        // 3: the route, before verb and body.
        Refused("NoRoute", Bodiless("GET /keys/a?api-version=2020-09-01"), 404, "not found"),
        Refused("OtherCase", Bodiless("GET /Key/a?api-version=2020-09-01"), 404, "not found"),
        Refused("TrailingSlash", Bodiless("GET /key/a/?api-version=2020-09-01"), 404, "not found"),
        Refused("EmptySegment", Bodiless("GET /key/?api-version=2020-09-01"), 404, "not found"),
        Refused("SlashOfAnId", Bodiless("GET /key/a/b?api-version=2020-09-01"), 404, "not found"),
        Refused("AsteriskForm", Bodiless("OPTIONS *"), 400, "api-version not specified"),
        Refused("DoubleSlash", With("POST //key?api-version=2020-09-01", kJson, kCreateKey), 404,
                "not found"),
        Refused("BrokenUtf8", Bodiless("GET /key/%FF?api-version=2020-09-01"), 404, "not found"),
        Refused("NoRouteBeforeVerbAndBody", With("BREW /keys?api-version=2020-09-01", kText, "{broken"), 404,
                "not found"),
        // 4: verbs that no route has, before the body.
        Refused("Patch", With("PATCH /key?api-version=2020-09-01", kJson, "{broken"), 400,
                "method not allowed"),
        Refused("PatchOfAnotherType", With("PATCH /key?api-version=2020-09-01", kText, "x"), 400,
                "method not allowed"),
        Refused("Options", Bodiless("OPTIONS /key/a?api-version=2020-09-01"), 400, "method not allowed"),
        // 7: absent bodies.
        Refused("PostWithoutBody", With("POST /key?api-version=2020-09-01", kJson, ""), 400,
                "missing request body"),
        Refused("DeleteWithoutBody", Bodiless("DELETE /key?api-version=2020-09-01"), 400,
                "missing request body"),
        Refused("PostOfAnotherType", With("POST /key?api-version=2020-09-01", kText, "{broken"), 400,
                "missing request body"),
        Refused("PostOfAnotherCase",
                With("POST /key?api-version=2020-09-01", "content-type: Application/JSON\r\n", kCreateKey),
                400, "missing request body"),
        // 8: PUT.
        Refused("PutOfAnotherType", With("PUT /identities/modules/m?api-version=2020-09-01", kText, "{}"),
                415, "request body must be application/json"),
        Refused("PutWithoutBody", With("PUT /identities/modules/m?api-version=2020-09-01", kJson, ""), 422,
                "not valid JSON at byte 1"),
        // 9: bodies that do not fit.
        Refused("NoJson", With("POST /key?api-version=2020-09-01", kJson, "{broken"), 422,
                "not valid JSON at byte 2"),
        Refused("WrongType", With("POST /key?api-version=2020-09-01", kJson, R"({"keyId":1,"usage":"sign"})"),
                422, R"(member \"keyId\": expected a string)"),
        Refused("NullMember",
                With("POST /key?api-version=2020-09-01", kJson, R"({"keyId":null,"usage":"sign"})"), 422,
                R"(missing member \"keyId\")"),
        Refused("NoObject", With("POST /key?api-version=2020-09-01", kJson, "[]"), 422, "expected an object"),
        Refused("MissingMember", With("DELETE /key?api-version=2020-09-01", kJson, "{}"), 422,
                R"(missing member \"keyHandle\")"),
        Refused("BadBase64",
                With("POST /key?api-version=2020-09-01", kJson,
                     R"({"keyId":"k","usage":"sign","keyBytes":"AA"})"),
                422, R"(member \"keyBytes\": expected padded base64)"),
        // 10: verbs that this route has not, after the body.
        Refused("VerbOfAnotherRoute", Bodiless("DELETE /key/a?api-version=2020-09-01"), 400,
                "method not allowed"),
        Refused("VerbOfAnotherRouteAfterBrokenBody",
                With("DELETE /key/a?api-version=2020-09-01", kJson, "{broken"), 422,
                "not valid JSON at byte 2"),
        Refused("VerbOfAnotherRouteAfterOtherType", With("PUT /key/a?api-version=2020-09-01", kText, "{}"),
                415, "request body must be application/json")),
    [](const auto& info) { return std::string(info.param.name); });

TEST(AnswerTest, IsTheseBytesAndNoOther) {
  TestServer server(
      {}, [](const rpc::CallContext&, const std::string& id) -> absl::StatusOr<keys::v1::KeyHandle> {
        if (id == "denied") return rpc::NotAuthorized("user 1 is not authorized");
        if (id == "broken") return absl::InternalError("a secret path");
        if (id == "absent") return absl::NotFoundError("a file");
        if (id == "busy") return rpc::Busy("later");
        keys::v1::KeyHandle handle;
        handle.set_key_handle(id);
        return handle;
      });
  const std::pair<std::string, std::string> expected[] = {
      {Bodiless("GET /key/a?api-version=2020-09-01"),
       "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: "
       "17\r\n\r\n{\"keyHandle\":\"a\"}"},
      {Bodiless("GET /key/a?api-version=2020-09-01", "connection: close\r\n"),
       "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 17\r\nconnection: close\r\n\r\n"
       "{\"keyHandle\":\"a\"}"},
      {Bodiless("GET /key/denied?api-version=2020-09-01"),
       "HTTP/1.1 401 Unauthorized\r\ncontent-type: application/json\r\ncontent-length: 38\r\n\r\n"
       "{\"message\":\"user 1 is not authorized\"}"},
      {Bodiless("GET /key/absent?api-version=2020-09-01"),
       "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: 46\r\n\r\n"
       "{\"message\":\"a parameter has an invalid value\"}"},
      {Bodiless("GET /key/broken?api-version=2020-09-01"),
       "HTTP/1.1 500 Internal Server Error\r\ncontent-type: application/json\r\ncontent-length: 28\r\n\r\n"
       "{\"message\":\"internal error\"}"},
      {Bodiless("GET /key/busy?api-version=2020-09-01"),
       "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: 19\r\n\r\n"
       "{\"message\":\"later\"}"},
      {Bodiless("GET /nothing?api-version=2020-09-01"),
       "HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\ncontent-length: 23\r\n\r\n"
       "{\"message\":\"not found\"}"},
      {Bodiless("HEAD /key/a?api-version=2020-09-01"),
       "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: 32\r\n\r\n"},
      {With("DELETE /key?api-version=2020-09-01", kJson, R"({"keyHandle":"h"})"),
       "HTTP/1.1 204 No Content\r\n\r\n"},
      {"nonsense\r\n\r\n", "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"},
  };
  for (const auto& [request, answer] : expected) {
    RawClient client(server.socket());
    ASSERT_TRUE(client.Send(request));
    EXPECT_EQ(client.ReadAnswer(!absl::StartsWith(request, "HEAD")), answer) << request;
  }
}

// A deployed client takes what its first read gives for the whole header.
TEST(AnswerTest, IsWrittenAtOnce) {
  TestServer server;
  RawClient client(server.socket());
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(client.Send(Bodiless("GET /key/a?api-version=2020-09-01")));
    EXPECT_THAT(client.ReadOnce(), EndsWith(R"({"keyHandle":"a"})"));
  }
}

// 4 and 5: whoever needs no body does not wait for it; what still comes is no request.
TEST(UnwantedBodyTest, IsNotWaitedFor) {
  TestServer server;
  for (const char* fields : {"content-length: 100\r\n", "transfer-encoding: chunked\r\n",
                             "content-length: 100\r\nexpect: 100-continue\r\n"}) {
    RawClient client(server.socket());
    ASSERT_TRUE(client.Send(Bodiless("GET /key/a?api-version=2020-09-01", fields)));
    EXPECT_EQ(
        client.ReadAnswer(),
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 17\r\nconnection: close\r\n\r\n"
        "{\"keyHandle\":\"a\"}");
    client.Send(GetKeyRequestText("b"));
    EXPECT_TRUE(client.AtEnd());
  }
  RawClient patch(server.socket());
  ASSERT_TRUE(patch.Send(Bodiless("PATCH /key?api-version=2020-09-01", "content-length: 100\r\n")));
  EXPECT_THAT(patch.ReadAnswer(),
              AllOf(StartsWith("HTTP/1.1 400 "), EndsWith("{\"message\":\"method not allowed\"}")));
}

TEST(OldClientTest, Http10IsAnsweredAndTheConnectionEnds) {
  TestServer server;
  RawClient once(server.socket());
  ASSERT_TRUE(once.Send("GET /key/a?api-version=2020-09-01 HTTP/1.0\r\n\r\n"));
  EXPECT_THAT(once.ReadAnswer(), EndsWith(R"({"keyHandle":"a"})"));
  EXPECT_TRUE(once.AtEnd());
}

TEST(NoContentTest, IsAHeaderAndNothingElse) {
  TestServer server;
  RawClient client(server.socket());
  ASSERT_TRUE(client.Send(With("DELETE /key?api-version=2020-09-01", kJson, R"({"keyHandle":"h"})") +
                          GetKeyRequestText("next")));
  EXPECT_EQ(client.ReadAnswer(), "HTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_THAT(client.ReadAnswer(), EndsWith(R"({"keyHandle":"next"})"));
}

// 6
TEST(LateBodyTest, Is408WhateverTheVerbAndTheConnectionEnds) {
  Options options;
  options.limits.set_body_seconds(1);
  TestServer server(options);
  std::vector<std::unique_ptr<RawClient>> clients;
  for (const char* line : {"POST /key", "DELETE /key", "PUT /identities/modules/m"}) {
    clients.push_back(std::make_unique<RawClient>(server.socket()));
    ASSERT_TRUE(clients.back()->Send(
        absl::StrCat(line, "?api-version=2020-09-01 HTTP/1.1\r\n", kJson, "content-length: 10\r\n\r\n{")));
  }
  for (const auto& client : clients) {
    EXPECT_THAT(client->ReadAnswer(), AllOf(StartsWith("HTTP/1.1 408 "), HasSubstr("connection: close\r\n"),
                                            HasSubstr("content-type: application/json\r\n"),
                                            EndsWith("\r\n\r\n{\"message\":\"deadline has elapsed\"}")));
    EXPECT_TRUE(client->AtEnd());
  }
}

}  // namespace
}  // namespace aziot::server
