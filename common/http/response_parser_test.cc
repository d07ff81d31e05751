#include "common/http/response_parser.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace aziot::http {
namespace {

using State = ResponseParser::State;

struct AnswerCase {
  const char* name;
  std::string text;
  State state;  // before the stream ends
  State at_end;
  int status = 0;
  std::string body;
  bool keep_alive = false;
};
class Answer : public testing::TestWithParam<AnswerCase> {};

TEST_P(Answer, IsReadHoweverItArrives) {
  const AnswerCase& c = GetParam();
  for (const size_t step : {c.text.size(), size_t{1}, size_t{4}}) {
    ResponseParser parser(128, ResponseParser::Body::kAsDeclared);
    State state = State::kNeedMore;
    for (size_t at = 0; at < c.text.size() && state == State::kNeedMore; at += step) {
      state = parser.Feed(ToBytesView(absl::string_view(c.text).substr(at, step)));
    }
    ASSERT_EQ(state, c.state) << "in steps of " << step;
    if (state == State::kNeedMore) state = parser.FeedEnd();
    ASSERT_EQ(state, c.at_end) << "in steps of " << step;
    if (state != State::kDone) continue;
    EXPECT_EQ(parser.keep_alive(), c.keep_alive);
    const Response response = parser.Take();
    EXPECT_EQ(response.status, c.status);
    EXPECT_EQ(response.body, c.body);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, Answer,
    testing::Values(
        AnswerCase{"Sized", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi", State::kDone, State::kDone, 200,
                   "hi", true},
        AnswerCase{"Chunked", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
                   State::kDone, State::kDone, 200, "hi", true},
        AnswerCase{"NoContent", "HTTP/1.1 204 No Content\r\n\r\n", State::kDone, State::kDone, 204, "", true},
        AnswerCase{"Close", "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
                   State::kDone, State::kDone, 400, "", false},
        AnswerCase{"UntilTheEnd", "HTTP/1.0 200 OK\r\n\r\nall of it", State::kNeedMore, State::kDone, 200,
                   "all of it", false},
        AnswerCase{"Interim",
                   "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\ncontent-length: 1\r\n\r\nx",
                   State::kDone, State::kDone, 201, "x", true},
        AnswerCase{"CutHeader", "HTTP/1.1 200 OK\r\ncont", State::kNeedMore, State::kError},
        AnswerCase{"CutBody", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhi", State::kNeedMore,
                   State::kError},
        AnswerCase{"CutChunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nhi",
                   State::kNeedMore, State::kError},
        AnswerCase{"Nothing", "", State::kNeedMore, State::kError},
        AnswerCase{"NoHttp", "220 mail.example ESMTP\r\n\r\n", State::kError, State::kError},
        AnswerCase{"TooLong", "HTTP/1.1 200 OK\r\ncontent-length: 129\r\n\r\n", State::kError,
                   State::kError}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(ResponseParserTest, TheAnswerToHeadHasNoBody) {
  ResponseParser parser(1024, ResponseParser::Body::kNone);
  EXPECT_EQ(parser.Feed(ToBytesView("HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n")), State::kDone);
  EXPECT_TRUE(parser.keep_alive());
}

TEST(ResponseParserTest, BytesAfterTheAnswerEndTheConnection) {
  ResponseParser parser(1024, ResponseParser::Body::kAsDeclared);
  EXPECT_EQ(parser.Feed(ToBytesView("HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\n")), State::kDone);
  EXPECT_FALSE(parser.keep_alive());
}

}  // namespace
}  // namespace aziot::http
