// The rows of the HTTP contract as a client meets them on the socket: what must be accepted, in which order a
// request is judged, and what every answer looks like.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
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
        Refused("DoubleSlash", With("POST //key?api-version=2020-09-01", kJson, kCreateKey), 404,
                "not found"),
        Refused("BrokenUtf8", Bodiless("GET /key/%FF?api-version=2020-09-01"), 404, "not found"),
        Refused("NoRouteBeforeVerbAndBody", With("BREW /keys?api-version=2020-09-01", kText, "{broken"), 404,
                "not found"),
        // 4: verbs that no route has, before the body.
        Refused("Patch", With("PATCH /key?api-version=2020-09-01", kJson, "{broken"), 400,
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
