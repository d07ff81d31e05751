#include "provisiond/lifecycle/query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace aziot::provisiond {
namespace {

const Json kDocument = Json::parse(R"({
  "deviceId": "d1", "status": "enabled",
  "tags": {"site": "north", "floor": 3, "it's": 1, "none": null, "on": true},
  "properties": {"desired": {"rate": 2.5}}})");

struct Case {
  const char* condition;
  bool holds;
};
class QueryCondition : public ::testing::TestWithParam<Case> {};
TEST_P(QueryCondition, Holds) {
  const auto query = Query::Parse(absl::StrCat("SELECT * FROM devices WHERE ", GetParam().condition));
  ASSERT_TRUE(query.ok()) << query.status();
  EXPECT_EQ(query->Matches(kDocument), GetParam().holds);
}
INSTANTIATE_TEST_SUITE_P(
    All, QueryCondition,
    ::testing::Values(
        Case{"deviceId = 'd1'", true}, Case{"deviceId='D1'", false}, Case{"'d1' = deviceId", true},
        Case{"status != 'disabled'", true}, Case{"status <> 'enabled'", false}, Case{"tags.floor > 2", true},
        Case{"tags.floor >= 3", true}, Case{"tags.floor < 3", false}, Case{"tags.floor <= 2.9", false},
        Case{"properties.desired.rate = 2.5", true}, Case{"tags.floor = 3.0", true},
        Case{"tags.floor > -1", true}, Case{"tags.site IN ['south', 'north']", true},
        Case{"tags.site NOT IN ['south']", true}, Case{"tags.floor IN (1, 2)", false},
        Case{"is_defined(tags.site)", true}, Case{"IS_DEFINED(tags.missing)", false},
        Case{"NOT is_defined(tags.missing)", true}, Case{"tags.none = null", true},
        Case{"tags.site != null", true}, Case{"tags.on = true", true},
        Case{"tags.site = 'north' AND tags.floor = 4 OR status = 'enabled'", true},
        Case{"tags.site = 'north' AND (tags.floor = 4 OR status = 'disabled')", false},
        Case{"NOT (tags.floor = 4)", true},
        // What is not there is neither equal nor unequal, and its NOT no more so.
        Case{"tags.missing = 1", false}, Case{"tags.missing != 1", false},
        Case{"NOT tags.missing = 1", false}, Case{"NOT tags.missing = 1 OR tags.floor = 3", true},
        Case{"tags.site.deeper = 1", false},
        // Types have no order among each other.
        Case{"tags.site > 1", false}, Case{"tags.site = 3", false}, Case{"tags.site != 3", true}));

TEST(Query, QuotesInsideATextAreDoubled) {
  const auto query = Query::Parse("SELECT * FROM devices WHERE a = 'it''s' AND b = \"x\"");
  ASSERT_TRUE(query.ok()) << query.status();
  EXPECT_TRUE(query->Matches({{"a", "it's"}, {"b", "x"}}));
}

TEST(Query, SelectsAndCounts) {
  EXPECT_EQ(Query::Parse("*")->source(), "");
  EXPECT_EQ(Query::Parse(" select * from Devices.Modules ")->source(), "devices.modules");
  const auto count = Query::Parse("SELECT COUNT() AS n FROM devices WHERE a = 1");
  ASSERT_TRUE(count.ok()) << count.status();
  EXPECT_TRUE(count->counts());
  EXPECT_EQ(count->count_name(), "n");
  EXPECT_TRUE(count->has_condition());
  EXPECT_TRUE(Query::Parse("SELECT COUNT(*) AS n FROM devices")->counts());
}

class QueryRefusal : public ::testing::TestWithParam<const char*> {};
TEST_P(QueryRefusal, IsInvalid) {
  EXPECT_EQ(Query::Parse(GetParam()).status().code(), absl::StatusCode::kInvalidArgument) << GetParam();
}
INSTANTIATE_TEST_SUITE_P(
    All, QueryRefusal,
    ::testing::Values("", "DROP TABLE device", "SELECT *", "SELECT * FROM", "SELECT * FROM devices WHERE",
                      "SELECT * FROM devices WHERE a", "SELECT * FROM devices WHERE a =",
                      "SELECT * FROM devices WHERE a = 'x", "SELECT * FROM devices WHERE a = 1 b", "* *",
                      "SELECT * FROM devices WHERE a IN []", "SELECT * FROM devices WHERE a IN ['x')",
                      "SELECT * FROM devices WHERE is_defined('a')", "SELECT * FROM devices WHERE (a = 1",
                      "SELECT * FROM devices; x", "SELECT * FROM devices WHERE a NOT = 1",
                      "SELECT * FROM devices WHERE a = 1.2.3", "SELECT COUNT() FROM devices"));

TEST(Query, NestsOnlySoDeep) {
  const std::string deep = absl::StrCat("SELECT * FROM devices WHERE ", std::string(5000, '('), "a = 1");
  EXPECT_FALSE(Query::Parse(deep).ok());
  std::string nots = "SELECT * FROM devices WHERE ";
  for (int i = 0; i < 5000; ++i) nots += "NOT ";
  EXPECT_FALSE(Query::Parse(nots + "a = 1").ok());
}

}  // namespace
}  // namespace aziot::provisiond
