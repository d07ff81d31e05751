#include "aziotctl/super_config/diff.h"

#include <gtest/gtest.h>

namespace aziot::ctl {
namespace {

TEST(Diff, ShowsWhatStaysGoesAndComes) {
  EXPECT_EQ(Diff("a\nb\nc\n", "a\nc\nd\n"), " a\n-b\n c\n+d\n");
  EXPECT_EQ(Diff("", "a\n"), "+a\n");
  EXPECT_EQ(Diff("a\n", ""), "-a\n");
}

TEST(Diff, SecretsAreComparedButNotShown) {
  EXPECT_EQ(Diff("password = \"old\"\n", "password = \"new\"\n"),
            "-password = \"******\"\n+password = \"******\"\n");
}

TEST(Redacted, HidesPasswordsPinsAndAuthorizations) {
  EXPECT_EQ(Redacted("username = \"u\"\npassword = \"p\"\nowner = \"o\"\nendorsement = \"e\"\n"
                     "k = \"pkcs11:slot-id=0;object=x?pin-value=1234\"\n"),
            "username = \"u\"\npassword = \"******\"\nowner = \"******\"\nendorsement = \"******\"\n"
            "k = \"pkcs11:slot-id=0;object=x?pin-value=******\"\n");
}

TEST(Diff, TwoLargeFilesDoNotTakeAllMemory) {
  std::string before;
  std::string after;
  for (int i = 0; i < 20000; ++i) {
    before += "a\n";
    after += "b\n";
  }
  EXPECT_EQ(Diff(before, after).size(), 3u * 40000);
}

}  // namespace
}  // namespace aziot::ctl
