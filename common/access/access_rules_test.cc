#include "common/access/access_rules.h"

#include <gtest/gtest.h>

#include <string>

namespace aziot::access {
namespace {

struct PatternCase {
  const char* name;
  absl::string_view pattern;
  absl::string_view text;
  bool matches;
};
class PatternTest : public testing::TestWithParam<PatternCase> {};
TEST_P(PatternTest, MatchesTheWholeName) {
  EXPECT_EQ(MatchesPattern(GetParam().pattern, GetParam().text), GetParam().matches);
}
INSTANTIATE_TEST_SUITE_P(
    All, PatternTest,
    testing::Values(
        PatternCase{"Itself", "device-id", "device-id", true},
        PatternCase{"Prefix", "device", "device-id", false}, PatternCase{"Suffix", "id", "device-id", false},
        PatternCase{"Longer", "device-id-x", "device-id", false},
        PatternCase{"Case", "Device-id", "device-id", false}, PatternCase{"EmptyBoth", "", "", true},
        PatternCase{"EmptyPattern", "", "a", false}, PatternCase{"EmptyName", "a", "", false},
        PatternCase{"StarEmptyName", "*", "", true}, PatternCase{"StarsEmptyName", "**", "", true},
        PatternCase{"StarAnything", "*", "a/b:c\n", true}, PatternCase{"StarAtEnd", "a*", "a", true},
        PatternCase{"StarAtEndLong", "a*", "abc", true}, PatternCase{"StarAtStart", "*c", "abc", true},
        PatternCase{"StarAtStartNot", "*c", "abcd", false}, PatternCase{"StarInside", "a*c", "abbbc", true},
        PatternCase{"StarInsideEmpty", "a*c", "ac", true}, PatternCase{"StarLaterTry", "*ab", "aab", true},
        PatternCase{"StarTwice", "*a*b", "xaybzb", true}, PatternCase{"StarTwiceNot", "*a*b", "xbya", false},
        PatternCase{"TwoStarsTwice", "a**b", "ab", true}, PatternCase{"QuestionOne", "a?c", "abc", true},
        PatternCase{"QuestionNone", "a?c", "ac", false}, PatternCase{"QuestionEmpty", "?", "", false},
        PatternCase{"QuestionTwo", "?", "ab", false},
        PatternCase{"QuestionUnicode", "a?z", "a\xc3\xa9z", true},
        PatternCase{"QuestionFourBytes", "?", "\xf0\x9f\x98\x80", true},
        PatternCase{"TwoQuestionsOneCharacter", "??", "\xc3\xa9", false},
        PatternCase{"StarTwoQuestionsOneCharacter", "*??", "\xf0\x9f\x98\x80", false},
        PatternCase{"StarQuestionUnicode", "*?", "\xc3\xa9", true},
        PatternCase{"UnicodeItself", "\xc3\xa9*", "\xc3\xa9t\xc3\xa9", true},
        PatternCase{"OtherUnicode", "\xc3\xa9", "\xc3\xa8", false},
        PatternCase{"NoEscape", "\\*", "*", false}, PatternCase{"NoEscapeLiteral", "\\*", "\\x", true},
        PatternCase{"NoClasses", "[ab]", "a", false}, PatternCase{"NoClassesLiteral", "[ab]", "[ab]", true},
        PatternCase{"NoAlternatives", "{a,b}", "a", false}, PatternCase{"StarInTheName", "a", "*", false},
        PatternCase{"EdgeModule", "aziot-edged/module/*:server", "aziot-edged/module/m:637:server", true}),
    [](const auto& info) { return std::string(info.param.name); });

// A matcher that tries every split would still be at it when the test's time is over.
TEST(Pattern, ManyStarsStayCheap) {
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "*a";
  const std::string name(5000, 'a');
  EXPECT_TRUE(MatchesPattern(pattern, name));
  EXPECT_FALSE(MatchesPattern(pattern + "*b", name));
  EXPECT_FALSE(MatchesPattern("*?*?*?*?*?*?*?*?*?*?*?*?*?*?*?*?*?*?*?*?b", name));
}

net::Peer PeerWith(uid_t uid) { return {.uid = uid, .gid = 0, .pid = 1}; }

TEST(AccessRules, NobodyButRootMayUseAnythingWithoutRules) {
  const AccessRules rules;
  EXPECT_TRUE(rules.Allows(PeerWith(0), "device-id"));
  EXPECT_FALSE(rules.Allows(PeerWith(64000), "device-id"));
  EXPECT_FALSE(rules.Allows(net::Peer(), "device-id"));
}

TEST(AccessRules, EntriesOfOneUidAreUnited) {
  const AccessRules rules({{64000, {"a", "b*"}}, {64001, {"c"}}, {64000, {"d"}}, {64002, {}}});
  for (const char* name : {"a", "bb", "d"}) EXPECT_TRUE(rules.Allows(PeerWith(64000), name)) << name;
  EXPECT_FALSE(rules.Allows(PeerWith(64000), "c"));
  EXPECT_TRUE(rules.Allows(PeerWith(64001), "c"));
  EXPECT_FALSE(rules.Allows(PeerWith(64001), "a"));
  EXPECT_FALSE(rules.Allows(PeerWith(64002), "a"));
  EXPECT_FALSE(rules.Allows(PeerWith(64003), ""));
}

TEST(AccessRules, ARuleForRootTakesNothingFromIt) {
  const AccessRules rules({{0, {"a"}}});
  EXPECT_TRUE(rules.Allows(PeerWith(0), "b"));
}

}  // namespace
}  // namespace aziot::access
