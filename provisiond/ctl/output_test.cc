#include "provisiond/ctl/output.h"

#include <gtest/gtest.h>

namespace aziot::provisiond::ctl {
namespace {

TEST(Printable, LeavesTextAndEscapesWhatATerminalWouldObey) {
  EXPECT_EQ(Printable(R"({"t":"21 \u00b0C","n":'x'})"), R"({"t":"21 \u00b0C","n":'x'})");
  EXPECT_EQ(Printable("21 \xc2\xb0"
                      "C \xe2\x82\xac \xf0\x9f\x98\x80"),
            "21 \xc2\xb0"
            "C \xe2\x82\xac \xf0\x9f\x98\x80");
  EXPECT_EQ(Printable("\x1b[31m\n\x7f"), "\\x1b[31m\\x0a\\x7f");
  EXPECT_EQ(Printable(absl::string_view("\0a", 2)), "\\x00a");
  EXPECT_EQ(Printable("\xc2\x9b"), "\\xc2\\x9b");
  EXPECT_EQ(Printable("\xff\xe2\x82"), "\\xff\\xe2\\x82");
}

}  // namespace
}  // namespace aziot::provisiond::ctl
