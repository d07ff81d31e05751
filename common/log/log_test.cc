#include "common/log/log.h"

#include <gtest/gtest.h>

namespace aziot::log {
namespace {

TEST(Log, LineHasPriorityTimeLevelAndText) {
  EXPECT_EQ(FormatLine(Level::kError, "", "gone", 0), "<3>1970-01-01T00:00:00Z [ERR!] - gone");
  EXPECT_EQ(FormatLine(Level::kInfo, "keyd", "x", 1700000000), "<6>2023-11-14T22:13:20Z [INFO] - x");
  EXPECT_EQ(FormatLine(Level::kDebug, "keyd", "x", 0), "<7>1970-01-01T00:00:00Z [DBUG] - [keyd] x");
}

TEST(Log, FilterTakesWordsAndModules) {
  Init("");
  EXPECT_TRUE(Enabled(Level::kInfo));
  EXPECT_FALSE(Enabled(Level::kDebug, "keyd"));
  Init("WARN,keyd=debug");
  EXPECT_FALSE(Enabled(Level::kInfo));
  EXPECT_TRUE(Enabled(Level::kDebug, "keyd.backend"));
  EXPECT_FALSE(Enabled(Level::kDebug, "certd"));
  Init("info");
}

}  // namespace
}  // namespace aziot::log
