#include "common/http/message.h"

#include <gtest/gtest.h>

#include "common/http/target.h"

namespace aziot::http {
namespace {

TEST(FormatResponseTest, IsOneBlockWithItsLength) {
  Response response{.status = 201};
  response.headers.Add("content-type", "application/json");
  response.body = "{}";
  EXPECT_EQ(FormatResponse(response, true),
            "HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}");
  EXPECT_EQ(FormatResponse(Response{.status = 200}, false),
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
}

TEST(FormatResponseTest, NoContentHasNeitherLengthNorBody) {
  Response response{.status = 204};
  response.body = "ignored";
  EXPECT_EQ(FormatResponse(response, true), "HTTP/1.1 204 No Content\r\n\r\n");
}

TEST(FormatResponseTest, UnknownCodesHaveAPhraseToo) {
  EXPECT_EQ(FormatResponse(Response{.status = 299}, true),
            "HTTP/1.1 299 Unknown\r\ncontent-length: 0\r\n\r\n");
}

TEST(FormatRequestTest, LengthFollowsBodyOrMethod) {
  Request request{.method = "GET", .target = "/a?b=c"};
  request.headers.Add("host", "keyd.sock");
  EXPECT_EQ(FormatRequest(request), "GET /a?b=c HTTP/1.1\r\nhost: keyd.sock\r\n\r\n");
  request.method = "POST";
  EXPECT_EQ(FormatRequest(request), "POST /a?b=c HTTP/1.1\r\nhost: keyd.sock\r\ncontent-length: 0\r\n\r\n");
  request.method = "DELETE";
  request.body = "{}";
  request.keep_alive = false;
  EXPECT_EQ(FormatRequest(request),
            "DELETE /a?b=c HTTP/1.1\r\nhost: keyd.sock\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}");
}

TEST(HeadersTest, NamesCompareWithoutCase) {
  Headers headers;
  headers.Add("Retry-After", "1");
  headers.Add("retry-after", "2");
  EXPECT_EQ(headers.Get("RETRY-AFTER"), "1");
  headers.Set("RETRY-after", "3");
  EXPECT_EQ(headers.size(), 1u);
  EXPECT_EQ(headers.Get("retry-after"), "3");
  EXPECT_EQ(headers.Get("other"), "");
}

struct TargetCase {
  const char* name;
  absl::string_view text;
  absl::string_view path;
  std::vector<std::pair<std::string, std::string>> query;
};
class TargetTest : public testing::TestWithParam<TargetCase> {};

TEST_P(TargetTest, IsTakenApart) {
  const Target target = ParseTarget(GetParam().text);
  EXPECT_EQ(target.path, GetParam().path);
  EXPECT_EQ(target.query, GetParam().query);
}

INSTANTIATE_TEST_SUITE_P(
    All, TargetTest,
    testing::Values(TargetCase{"Origin", "/a/b%2Fc", "/a/b%2Fc", {}},
                    TargetCase{"Query", "/a?x=1&y=2&x=3", "/a", {{"x", "1"}, {"y", "2"}, {"x", "3"}}},
                    TargetCase{"FormDecoding", "/a+b?x+y=%41+%2B%zz%4", "/a+b", {{"x y", "A +%zz%4"}}},
                    TargetCase{"OddPairs", "/a?&x&=v&&y=a=b", "/a", {{"x", ""}, {"", "v"}, {"y", "a=b"}}},
                    TargetCase{"EmptyQuery", "/a?", "/a", {}},
                    TargetCase{"Fragment", "/a?b=c#d", "/a", {{"b", "c"}}},
                    TargetCase{"Absolute", "http://foo/certs/x?v=1", "/certs/x", {{"v", "1"}}},
                    TargetCase{"AbsoluteBare", "http://foo", "/", {}},
                    TargetCase{"AbsoluteQueryOnly", "http://foo?v=1", "/", {{"v", "1"}}},
                    TargetCase{"Asterisk", "*", "/", {}}, TargetCase{"Authority", "host:443", "/", {}},
                    TargetCase{"SchemeInQuery", "/a?u=http://b/c", "/a", {{"u", "http://b/c"}}},
                    TargetCase{"Empty", "", "/", {}}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(TargetQueryTest, FirstAndLast) {
  const Target target = ParseTarget("/a?x=1&x=2");
  EXPECT_EQ(*target.First("x"), "1");
  EXPECT_EQ(*target.Last("x"), "2");
  EXPECT_EQ(target.First("y"), nullptr);
  EXPECT_EQ(target.Last("y"), nullptr);
}

TEST(PercentTest, EncodingComesBack) {
  std::string all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
  EXPECT_EQ(PercentDecode(PercentEncode(all)), all);
  EXPECT_EQ(PercentEncode("a/b +%~"), "a%2Fb%20%2B%25~");
  EXPECT_EQ(PercentDecode("%e4+%4G%"), "\xE4+%4G%");
}

}  // namespace
}  // namespace aziot::http
