#include "common/http/request_parser.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace aziot::http {
namespace {

using State = RequestParser::State;

struct Parsed {
  State state = State::kNeedMore;
  int error = 0;
  Request request;
  size_t consumed = 0;
};

// Feeds `text` in pieces of `step` bytes until the parser has an opinion.
Parsed ParseInSteps(absl::string_view text, size_t step, const RequestLimits& limits = {}) {
  RequestParser parser(limits);
  Parsed out;
  while (out.consumed < text.size() && out.state == State::kNeedMore) {
    const auto progress = parser.Feed(ToBytesView(text.substr(out.consumed, step)));
    out.state = progress.state;
    out.consumed += progress.consumed;
  }
  out.error = parser.error_status();
  if (out.state == State::kDone) out.request = parser.Take();
  return out;
}

struct GoodCase {
  const char* name;
  std::string text;
  const char* method;
  const char* target;
  std::string body;
  bool keep_alive = true;
};
class GoodRequest : public testing::TestWithParam<GoodCase> {};

TEST_P(GoodRequest, IsReadHoweverItArrives) {
  const GoodCase& c = GetParam();
  for (const size_t step : {c.text.size(), size_t{1}, size_t{2}, size_t{3}, size_t{7}}) {
    const Parsed parsed = ParseInSteps(c.text, step);
    ASSERT_EQ(parsed.state, State::kDone) << "in steps of " << step << ": " << parsed.error;
    EXPECT_EQ(parsed.request.method, c.method);
    EXPECT_EQ(parsed.request.target, c.target);
    EXPECT_EQ(parsed.request.body, c.body) << "in steps of " << step;
    EXPECT_EQ(parsed.request.keep_alive, c.keep_alive);
    EXPECT_EQ(parsed.consumed, c.text.size());
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, GoodRequest,
    testing::Values(
        GoodCase{"NoHost", "GET /key/a?api-version=2021-05-01 HTTP/1.1\r\n\r\n", "GET",
                 "/key/a?api-version=2021-05-01", ""},
        GoodCase{"NonsenseHost", "GET / HTTP/1.1\r\nhOsT: /run/aziot/identityd.sock:80\r\n\r\n", "GET", "/",
                 ""},
        GoodCase{"AbsoluteForm", "GET http://foo/certificates/x?api-version=1 HTTP/1.1\r\n\r\n", "GET",
                 "http://foo/certificates/x?api-version=1", ""},
        GoodCase{"EmptyBodyOnGet", "GET /x HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "GET", "/x", ""},
        GoodCase{"BodyOnGet", "GET /x HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi", "GET", "/x", "hi"},
        GoodCase{"Sized", "POST /sign HTTP/1.1\r\nCONTENT-LENGTH: 7\r\n\r\n{\"a\":1}", "POST", "/sign",
                 "{\"a\":1}"},
        GoodCase{"Chunked",
                 "POST /sign HTTP/1.1\r\nTransfer-Encoding: "
                 "chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n",
                 "POST", "/sign", "abc0123456789"},
        GoodCase{"ChunkedEmpty", "PUT /x HTTP/1.1\r\ntransfer-encoding: Chunked\r\n\r\n0\r\n\r\n", "PUT",
                 "/x", ""},
        GoodCase{"ChunkedWithTrailer",
                 "PUT /x HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\nz\r\n0\r\na: b\r\n\r\n", "PUT",
                 "/x", "z"},
        GoodCase{"Close", "GET /x HTTP/1.1\r\nConnection: close\r\n\r\n", "GET", "/x", "", false},
        GoodCase{"OldVersion", "GET /x HTTP/1.0\r\n\r\n", "GET", "/x", "", false},
        GoodCase{"OldVersionKept", "GET /x HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "GET", "/x", "",
                 true},
        GoodCase{"UnknownMethod", "BREW /x HTTP/1.1\r\n\r\n", "BREW", "/x", ""},
        GoodCase{"LeadingLineBreaks", "\r\n\r\nGET /x HTTP/1.1\r\n\r\n", "GET", "/x", ""},
        GoodCase{"RawUtf8Target", "POST /keypair/\xC3\xA4$ HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "POST",
                 "/keypair/\xC3\xA4$", ""}),
    [](const auto& info) { return std::string(info.param.name); });

struct BadCase {
  const char* name;
  std::string text;
  int error;
};
class BadRequest : public testing::TestWithParam<BadCase> {};

TEST_P(BadRequest, IsRefusedHoweverItArrives) {
  const BadCase& c = GetParam();
  const RequestLimits limits{.header_bytes = 256, .fields = 4, .body_bytes = 16};
  for (const size_t step : {c.text.size(), size_t{1}, size_t{5}}) {
    const Parsed parsed = ParseInSteps(c.text, step, limits);
    ASSERT_EQ(parsed.state, State::kError) << "in steps of " << step;
    EXPECT_EQ(parsed.error, c.error) << "in steps of " << step;
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, BadRequest,
    testing::Values(
        BadCase{"NoHttp", "hello there\r\n\r\n", 400},
        BadCase{"Tls", std::string("\x16\x03\x01\x02\x00", 5), 400},
        BadCase{"Version2", "GET /x HTTP/2.0\r\n\r\n", 400},
        BadCase{"BothLengths", "POST /x HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
                400},
        BadCase{"BothLengthsTurned",
                "POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", 400},
        BadCase{"TwoLengths", "POST /x HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", 400},
        BadCase{"NegativeLength", "POST /x HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400},
        BadCase{"SignedLength", "POST /x HTTP/1.1\r\nContent-Length: +1\r\n\r\n", 400},
        BadCase{"HugeLength", "POST /x HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n", 400},
        BadCase{"OtherCoding", "POST /x HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 400},
        BadCase{"TwoCodings", "POST /x HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 400},
        BadCase{"ChunkedTwice",
                "POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        BadCase{"ChunkedIn10", "POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        BadCase{"Folded", "GET /x HTTP/1.1\r\na: b\r\n c\r\n\r\n", 400},
        BadCase{"FoldedFirst", "GET /x HTTP/1.1\r\na:\r\n b\r\n\r\n", 400},
        BadCase{"FoldedEmpty", "GET /x HTTP/1.1\r\na: b\r\n \r\nc: d\r\n\r\n", 400},
        BadCase{"NulInValue", std::string("GET /x HTTP/1.1\r\na: b\0c\r\n\r\n", 28), 400},
        BadCase{"NulInTarget", std::string("GET /x\0y HTTP/1.1\r\n\r\n", 21), 400},
        BadCase{"SpaceBeforeColon", "GET /x HTTP/1.1\r\na : b\r\n\r\n", 400},
        BadCase{"BareLineFeed", "GET /x HTTP/1.1\r\na: b\nc: d\r\n\r\n", 400},
        BadCase{"TooManyFields", "GET /x HTTP/1.1\r\na: 1\r\nb: 1\r\nc: 1\r\nd: 1\r\ne: 1\r\n\r\n", 431},
        BadCase{"LongField", absl::StrCat("GET /x HTTP/1.1\r\na: ", std::string(300, 'v'), "\r\n\r\n"), 431},
        BadCase{"LongHeader",
                absl::StrCat("GET /x HTTP/1.1\r\na: ", std::string(120, 'v'),
                             "\r\nb: ", std::string(120, 'v'), "\r\n\r\n"),
                431},
        BadCase{"LongTarget", absl::StrCat("GET /", std::string(300, 'x'), " HTTP/1.1\r\n\r\n"), 414},
        BadCase{"LongBody", "POST /x HTTP/1.1\r\nContent-Length: 17\r\n\r\n", 413},
        BadCase{"LongChunk", "POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n11\r\n0123456789abcdef0",
                413},
        BadCase{"LongChunks",
                "POST /x HTTP/1.1\r\nTransfer-Encoding: "
                "chunked\r\n\r\n9\r\n012345678\r\n9\r\n012345678\r\n0\r\n\r\n",
                413},
        BadCase{"NoChunkSize", "POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n", 400},
        BadCase{"ChunkWithoutEnd",
                "POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabcdef\r\n0\r\n\r\n", 400},
        BadCase{"OnlyLineBreaks", std::string(600, '\n'), 400}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(RequestParserTest, TheDefaultLimitsAreTheDesigns) {
  const std::string fits = absl::StrCat("GET /x HTTP/1.1\r\na: ", std::string(16384 - 24, 'v'), "\r\n\r\n");
  ASSERT_EQ(fits.size(), 16384u);
  EXPECT_EQ(ParseInSteps(fits, fits.size()).state, State::kDone);
  EXPECT_EQ(ParseInSteps(fits, 1000).state, State::kDone);
  EXPECT_EQ(ParseInSteps(absl::StrCat("GET /xy", fits.substr(6)), 1000).error, 431);

  std::string fields = "GET /x HTTP/1.1\r\n";
  for (int i = 0; i < 64; ++i) fields += "a: b\r\n";
  EXPECT_EQ(ParseInSteps(fields + "\r\n", 100).state, State::kDone);
  EXPECT_EQ(ParseInSteps(fields + "a: b\r\n\r\n", 100).error, 431);

  const std::string body(256 * 1024, 'b');
  EXPECT_EQ(ParseInSteps(absl::StrCat("PUT /x HTTP/1.1\r\ncontent-length: 262144\r\n\r\n", body), 4096)
                .request.body,
            body);
  EXPECT_EQ(ParseInSteps("PUT /x HTTP/1.1\r\ncontent-length: 262145\r\n\r\n", 4096).error, 413);
}

TEST(RequestParserTest, PipelinedRequestsAreReadOneByOne) {
  const std::string one = "POST /a HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi";
  const std::string two = "POST /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n";
  const std::string all = absl::StrCat(one, two, "GET /c HTTP/1.1\r\n\r\n");
  for (size_t step = 1; step <= all.size(); ++step) {
    RequestParser parser({});
    std::string seen;
    for (size_t at = 0; at < all.size();) {
      const auto progress = parser.Feed(ToBytesView(absl::string_view(all).substr(at, step)));
      ASSERT_NE(progress.state, State::kError);
      at += progress.consumed;
      if (progress.state == State::kDone) {
        const Request request = parser.Take();
        absl::StrAppend(&seen, request.target, "=", request.body, " ");
      }
    }
    EXPECT_EQ(seen, "/a=hi /b=x /c= ") << "in steps of " << step;
  }
}

TEST(RequestParserTest, TellsHowFarARequestHasCome) {
  RequestParser parser({});
  EXPECT_FALSE(parser.started());
  parser.Feed(ToBytesView("POST /x HT"));
  EXPECT_TRUE(parser.started());
  EXPECT_FALSE(parser.header_done());
  parser.Feed(ToBytesView("TP/1.1\r\nexpect: 100-Continue\r\ncontent-length: 4\r\n\r\n"));
  EXPECT_TRUE(parser.header_done());
  EXPECT_TRUE(parser.expects_continue());
  parser.Feed(ToBytesView("ab"));
  EXPECT_FALSE(parser.expects_continue());
  EXPECT_EQ(parser.Feed(ToBytesView("cd")).state, State::kDone);
  EXPECT_FALSE(parser.started());
  EXPECT_EQ(parser.Take().body, "abcd");
  EXPECT_FALSE(parser.header_done());
  EXPECT_FALSE(parser.expects_continue());
}

TEST(RequestParserTest, ContinueIsNotForOldClientsOrOtherExpectations) {
  for (const char* head :
       {"POST /x HTTP/1.0\r\nExpect: 100-continue\r\n", "POST /x HTTP/1.1\r\nExpect: cake\r\n"}) {
    RequestParser parser({});
    parser.Feed(ToBytesView(absl::StrCat(head, "Content-Length: 4\r\n\r\n")));
    EXPECT_TRUE(parser.header_done());
    EXPECT_FALSE(parser.expects_continue()) << head;
  }
}

TEST(RequestParserTest, AnErrorStays) {
  RequestParser parser({});
  EXPECT_EQ(parser.Feed(ToBytesView("\x01\r\n\r\n")).state, State::kError);
  EXPECT_EQ(parser.Feed(ToBytesView("GET /x HTTP/1.1\r\n\r\n")).state, State::kError);
}

TEST(RequestParserTest, FieldsKeepTheirOrderAndSpelling) {
  const Parsed parsed = ParseInSteps("GET /x HTTP/1.1\r\nB:  2 \r\na: 1\r\nb: 3\r\n\r\n", 100);
  EXPECT_EQ(parsed.request.headers.size(), 3u);
  EXPECT_EQ(parsed.request.headers.Get("b"), "2");
  EXPECT_EQ(parsed.request.headers.begin()->first, "B");
  EXPECT_EQ(parsed.request.headers.Find("c"), nullptr);
}

TEST(RequestParserTest, WhatHasComeCanBeTakenOnceTheHeaderIsWhole) {
  RequestParser parser({});
  parser.Feed(ToBytesView("GET /a HTTP/1.1\r\ncontent-length: 10\r\n"));
  EXPECT_FALSE(parser.header_done());
  EXPECT_EQ(parser.Feed(ToBytesView("\r\nabc")).state, RequestParser::State::kNeedMore);
  ASSERT_TRUE(parser.header_done());
  EXPECT_EQ(parser.method(), "GET");
  const Request request = parser.Take();
  EXPECT_EQ(request.target, "/a");
  EXPECT_FALSE(request.keep_alive);
  EXPECT_FALSE(parser.started());
}

}  // namespace
}  // namespace aziot::http
