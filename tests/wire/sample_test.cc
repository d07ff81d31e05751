// The format of the samples: what is read, what is refused, how placeholders take and compare.
#include "tests/wire/sample.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/wire/pattern.h"

namespace aziot::tests {
namespace {

using ::testing::HasSubstr;

constexpr char kText[] = R"(# A title.
# More about it.
world none

agent@keyd POST /key?api-version={{version}}
content-type: text/plain
x-other:

{"keyId":"a",
 "usage":"sign"}
HTTP 200
{"keyHandle":"{{handle}}"}
HTTP 200 2026-12-01
{"keyHandle":"{{handle}}","more":1}
GRPC OK

root@identityd WATCH aziot.identity.v1.Identities/WatchIdentity
GRPC OK
{}
)";

TEST(SampleTest, ReadsStepsAndTheirAnswers) {
  const auto sample = ParseSample(kText);
  ASSERT_TRUE(sample.ok()) << sample.status();
  EXPECT_EQ(sample->title, "A title.");
  EXPECT_EQ(sample->world, "none");
  EXPECT_TRUE(sample->every_version);
  ASSERT_EQ(sample->steps.size(), 2u);
  const Step& first = sample->steps[0];
  EXPECT_EQ(first.line, 5);
  EXPECT_EQ(first.user, "agent");
  EXPECT_EQ(first.daemon, "keyd");
  EXPECT_EQ(first.verb, "POST");
  EXPECT_EQ(first.target, "/key?api-version={{version}}");
  ASSERT_EQ(first.headers.size(), 2u);
  EXPECT_EQ(first.headers[1].second, "");
  EXPECT_EQ(first.body, "{\"keyId\":\"a\",\n \"usage\":\"sign\"}");
  EXPECT_EQ(first.rest->status, 200);
  EXPECT_EQ(first.rest->body, R"({"keyHandle":"{{handle}}"})");
  EXPECT_EQ(first.rest_in.at("2026-12-01").body, R"({"keyHandle":"{{handle}}","more":1})");
  EXPECT_EQ(first.grpc->code, "OK");
  EXPECT_FALSE(sample->steps[1].rest.has_value());
  EXPECT_EQ(sample->steps[1].grpc->reply, "{}");
}

struct Refusal {
  const char* name;
  const char* text;
  const char* cause;
};
class SampleRefusalTest : public ::testing::TestWithParam<Refusal> {};
TEST_P(SampleRefusalTest, NamesTheLine) {
  EXPECT_THAT(std::string(ParseSample(GetParam().text).status().message()), HasSubstr(GetParam().cause));
}
INSTANTIATE_TEST_SUITE_P(
    All, SampleRefusalTest,
    ::testing::Values(Refusal{"NoTitle", "a@keyd GET /\nHTTP 200\n", "begins with"},
                      Refusal{"NoRequest", "# t\n", "no request"},
                      Refusal{"NoAnswer", "# t\n\na@keyd GET /\n", "line 3: no answer"},
                      Refusal{"AnswerFirst", "# t\nHTTP 200\n", "line 2: an answer without"},
                      Refusal{"NoUser", "# t\nGET /\n", "line 2: expected"},
                      Refusal{"OtherClass", "# t\na@keyd GET /\nHTTP 401\nGRPC INTERNAL\n",
                              "different classes"},
                      Refusal{"RestForWatch", "# t\na@keyd WATCH s/r\nHTTP 200\n", "no HTTP answer"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(PatternTest, ExpandsWhatHasAValue) {
  EXPECT_EQ(*Expand("{\"a\":\"{{x}}-{{y}}\"}", {{"x", "1"}, {"y", "2"}}), "{\"a\":\"1-2\"}");
  EXPECT_THAT(std::string(Expand("{{z}}", {}).status().message()), HasSubstr("{{z}} has no value"));
}

TEST(PatternTest, TakesWhatIsUnknownAndComparesWhatIsKnown) {
  Variables names{{"n", "7"}};
  EXPECT_TRUE(Match(R"({"id":"a-{{n}}","h":"{{h}}","again":"{{h}}"})",
                    R"({"id":"a-7","h":"sr=x","again":"sr=x"})", names)
                  .ok());
  EXPECT_EQ(names["h"], "sr=x");
  EXPECT_FALSE(Match(R"({"h":"{{h}}"})", R"({"h":"sr=y"})", names).ok());
  EXPECT_FALSE(Match(R"({"h":"{{new}}"})", R"({"g":"x"})", names).ok());
  EXPECT_FALSE(Match("{{*}}!", "a!b", names).ok());
  EXPECT_EQ(names.count("*"), 0u);
}

TEST(PatternTest, TakesUpToWhatIsKnownToFollow) {
  Variables names{{"n", "7"}};
  EXPECT_TRUE(Match("[{{*}}{\"m-{{n}}\"}{{*}}]", R"([{"m-6"},{"m-7"},{"m-8"}])", names).ok());
}

TEST(PatternTest, TakesNoMoreThanOneString) {
  Variables names;
  EXPECT_FALSE(Match(R"({"m":"{{m}}"})", R"({"m":"a","code":"b"})", names).ok());
  EXPECT_FALSE(Match(R"({"m":"{{*~.+}}"})", R"({"m":"a","code":"b"})", names).ok());
  EXPECT_TRUE(Match(R"({"m":"{{m}}"})", R"({"m":"a \"quoted\" \\"})", names).ok());
  EXPECT_TRUE(Match(R"({"m":{{*}}})", R"({"m":"a","code":"b"})", names).ok());
}

TEST(PatternTest, AnExpressionMustFitTheWhole) {
  Variables names;
  EXPECT_TRUE(Match("\"{{s~[A-Z]{3}}}\"", "\"ABC\"", names).ok());
  EXPECT_FALSE(Match("\"{{*~[A-Z]{3}}}\"", "\"ABCD\"", names).ok());
  EXPECT_FALSE(Match("\"{{s~[a-z]+}}\"", "\"ABC\"", names).ok());
}

TEST(PatternTest, CompactKeepsOrderAndWhatIsNoJson) {
  EXPECT_EQ(Compact("{ \"b\": 1,\n \"a\": [] }"), "{\"b\":1,\"a\":[]}");
  EXPECT_EQ(Compact("{{*}}"), "{{*}}");
}

}  // namespace
}  // namespace aziot::tests
