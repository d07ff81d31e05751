#include "common/bytes/hex.h"

#include <gtest/gtest.h>

namespace aziot {
namespace {

TEST(Hex, FormatsLowerCaseAndParsesEitherCase) {
  EXPECT_EQ(FormatHex(Bytes{0x00, 0xab, 0xff}), "00abff");
  EXPECT_EQ(*ParseHex("00AbfF"), (Bytes{0x00, 0xab, 0xff}));
}
TEST(Hex, RefusesOddLengthAndOtherCharacters) {
  EXPECT_FALSE(ParseHex("0").ok());
  EXPECT_FALSE(ParseHex("0g").ok());
  EXPECT_FALSE(ParseHex("0x00").ok());
}

}  // namespace
}  // namespace aziot
