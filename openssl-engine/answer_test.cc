#include "openssl-engine/answer.h"

#include <gtest/gtest.h>

#include "openssl-engine/base64.h"
#include "openssl-engine/json.h"

namespace aziot::openssl_engine {
namespace {

const std::string kGood =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\ncontent-LENGTH:  13 \r\n\r\n{\"value\":\"a\"}";

TEST(AnswerTest, EveryBeginningNeedsMoreAndTheWholeIsRead) {
  for (size_t size = 0; size < kGood.size(); ++size) {
    const auto part = ParseAnswer(std::string_view(kGood).substr(0, size));
    ASSERT_TRUE(part.ok()) << size;
    EXPECT_FALSE(part->has_value()) << size;
  }
  const auto whole = ParseAnswer(kGood + "more");
  ASSERT_TRUE(whole.ok() && whole->has_value());
  EXPECT_EQ((**whole).status, 200);
  EXPECT_EQ((**whole).content_type, "application/json");
  EXPECT_EQ((**whole).body, "{\"value\":\"a\"}");
}

TEST(AnswerTest, InterimAnswersAreSkipped) {
  const auto answer =
      ParseAnswer("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nlink: a\r\n\r\n" + kGood);
  ASSERT_TRUE(answer.ok() && answer->has_value());
  EXPECT_EQ((**answer).status, 200);
}

TEST(AnswerTest, AHeaderBlockMayBeLargeUpToItsBound) {
  const std::string tail = "\r\ncontent-length: 0\r\n\r\n";
  const auto large = ParseAnswer("HTTP/1.1 200 OK\r\nx: " + std::string(16000, 'a') + tail);
  ASSERT_TRUE(large.ok());
  EXPECT_TRUE(large->has_value());
  EXPECT_FALSE(ParseAnswer("HTTP/1.1 200 OK\r\nx: " + std::string(17000, 'a') + tail).ok());
}

struct BadCase {
  const char* name;
  const char* bytes;
  const char* text;
};
class BadAnswerTest : public testing::TestWithParam<BadCase> {};

TEST_P(BadAnswerTest, IsRefusedByName) {
  const auto answer = ParseAnswer(GetParam().bytes);
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.failure().reason, Reason::kBadAnswer);
  EXPECT_NE(answer.failure().text.find(GetParam().text), std::string::npos) << answer.failure().text;
}
INSTANTIATE_TEST_SUITE_P(
    All, BadAnswerTest,
    testing::Values(BadCase{"NoHttp", "SSH-2.0-x\r\n\r\n", "status line"},
                    BadCase{"Http2", "HTTP/2 200\r\n\r\n", "status line"},
                    BadCase{"NoCode", "HTTP/1.1 OK!\r\n\r\n", "status line"},
                    BadCase{"Empty", "\r\n\r\n", "status line"},
                    BadCase{"NoColon", "HTTP/1.1 200 OK\r\nabc\r\n\r\n", "header line"},
                    BadCase{"NoLength", "HTTP/1.1 200 OK\r\n\r\n{}", "no content-length"},
                    BadCase{"NegativeLength", "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", "no usable"},
                    BadCase{"TwoLengths", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
                            "no usable"},
                    BadCase{"Oversize", "HTTP/1.1 200 OK\r\ncontent-length: 262145\r\n\r\n", "above 256 KiB"},
                    BadCase{"Chunked", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
                            "transfer-encoding"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(AnswerTest, ARefusalCarriesTheMessageOnOneLine) {
  const Result<std::string> body =
      SuccessBody({400, "application/json",
                   "{\"message\":\"parameter \\\"handle\\\" has an invalid value\\ncaused by: x\"}"});
  ASSERT_FALSE(body.ok());
  EXPECT_EQ(body.failure().reason, Reason::kRefused);
  EXPECT_EQ(body.failure().text,
            "keyd refused with status 400: parameter \"handle\" has an invalid value, caused by: x");
  EXPECT_EQ(SuccessBody({503, "text/html", "<p>"}).failure().text, "keyd refused with status 503");
}

TEST(AnswerTest, ASuccessMustBeJson) {
  EXPECT_TRUE(SuccessBody({200, "application/json; charset=utf-8", "{}"}).ok());
  EXPECT_EQ(SuccessBody({200, "text/plain", "{}"}).failure().reason, Reason::kBadAnswer);
  EXPECT_EQ(SuccessBody({200, "", "{}"}).failure().reason, Reason::kBadAnswer);
}

struct JsonCase {
  const char* name;
  const char* json;
  const char* value;  // of the member "v"; null: refused
};
class JsonTest : public testing::TestWithParam<JsonCase> {};

TEST_P(JsonTest, GivesTheMemberOrRefuses) {
  const Result<std::string> text = StringMember(GetParam().json, "v");
  EXPECT_STREQ(text.ok() ? text->c_str() : nullptr, GetParam().value);
}
INSTANTIATE_TEST_SUITE_P(
    All, JsonTest,
    testing::Values(
        JsonCase{"Plain", "{\"v\":\"x\"}", "x"},
        JsonCase{"Spaced", " {\n \"a\" : [1, -2.5e+3, {\"v\":\"no\"}] , \"v\" : \"x\" } ", "x"},
        JsonCase{"Literals", "{\"a\":true,\"b\":false,\"c\":null,\"d\":[],\"e\":{},\"v\":\"\"}", ""},
        JsonCase{"Escapes", "{\"v\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\"}",
                 "\"\\/\b\f\n\r\t\xc3\xa9\xf0\x9f\x98\x80"},
        JsonCase{"EscapedName", "{\"\\u0076\":\"x\"}", "x"}, JsonCase{"Missing", "{\"w\":\"x\"}", nullptr},
        JsonCase{"Empty", "", nullptr}, JsonCase{"EmptyObject", "{}", nullptr},
        JsonCase{"Array", "[\"v\"]", nullptr}, JsonCase{"NoText", "{\"v\":1}", nullptr},
        JsonCase{"Null", "{\"v\":null}", nullptr}, JsonCase{"Twice", "{\"v\":\"a\",\"v\":\"b\"}", nullptr},
        JsonCase{"TrailingComma", "{\"v\":\"x\",}", nullptr}, JsonCase{"Trailing", "{\"v\":\"x\"}}", nullptr},
        JsonCase{"Cut", "{\"v\":\"x", nullptr}, JsonCase{"Control", "{\"v\":\"a\nb\"}", nullptr},
        JsonCase{"LoneSurrogate", "{\"v\":\"\\ud83d\"}", nullptr},
        JsonCase{"LowFirst", "{\"v\":\"\\ude00\"}", nullptr},
        JsonCase{"BadEscape", "{\"v\":\"\\x\"}", nullptr},
        JsonCase{"LeadingZero", "{\"a\":01,\"v\":\"x\"}", nullptr},
        JsonCase{"SingleQuotes", "{'v':'x'}", nullptr}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(JsonTest, DepthIsBounded) {
  const std::string deep = "{\"a\":" + std::string(40, '[') + std::string(40, ']') + ",\"v\":\"x\"}";
  EXPECT_FALSE(StringMember(deep, "v").ok());
}

TEST(JsonTest, WhatIsQuotedIsReadBack) {
  std::string text;
  for (int c = 0; c < 128; ++c) text += static_cast<char>(c);
  const Result<std::string> again = StringMember("{\"v\":" + QuoteJson(text) + "}", "v");
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(*again, text);
}

TEST(Base64Test, IsStrictAndRoundTrips) {
  for (size_t size = 0; size < 70; ++size) {
    const Bytes bytes(size, static_cast<uint8_t>(251 + size));
    const std::optional<Bytes> again = ParseBase64(FormatBase64(bytes));
    ASSERT_TRUE(again.has_value()) << size;
    EXPECT_EQ(*again, bytes);
  }
  EXPECT_EQ(FormatBase64(Bytes{'h', 'i'}), "aGk=");
  for (const char* bad : {"a", "aGk", "aGl=", "aG k", "aG=k", "====", "aGk=\n", "a-_=", "AA=A", "B==="}) {
    EXPECT_FALSE(ParseBase64(bad).has_value()) << bad;
  }
}

}  // namespace
}  // namespace aziot::openssl_engine
