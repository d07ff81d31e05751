#include "keyd/backend/algorithms.h"

#include <gmock/gmock.h>

#include <string>

namespace aziot::keyd {
namespace {

using ::testing::ElementsAre;
constexpr auto kEc = KeyAlgorithm::kEcP256;
constexpr auto kRsa2 = KeyAlgorithm::kRsa2048;
constexpr auto kRsa4 = KeyAlgorithm::kRsa4096;

TEST(PreferredAlgorithmsTest, OrderUnknownWordsAndRepeats) {
  EXPECT_THAT(*ParsePreferredAlgorithms("*"), ElementsAre(kEc, kRsa2));
  EXPECT_THAT(*ParsePreferredAlgorithms("rsa-2048:*"), ElementsAre(kRsa2, kEc));
  EXPECT_THAT(*ParsePreferredAlgorithms("ec-p256:rsa-4096:*"), ElementsAre(kEc, kRsa4, kRsa2));
  EXPECT_THAT(*ParsePreferredAlgorithms("ed25519:rsa-4096:rsa-4096"), ElementsAre(kRsa4));
}

TEST(PreferredAlgorithmsTest, NothingUsableIsRefused) {
  for (const absl::string_view text : {"", ":", "ed25519", "EC-P256", " ec-p256"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParsePreferredAlgorithms(text).status())) << text;
  }
}

TEST(KeyUsageTest, WordsInAnyOrder) {
  EXPECT_EQ(*ParseKeyUsage("derive"), (KeyUsage{.sign = true}));
  EXPECT_EQ(*ParseKeyUsage("sign,derive,sign"), (KeyUsage{.sign = true}));
  EXPECT_EQ(*ParseKeyUsage("encrypt"), (KeyUsage{.encrypt = true}));
  EXPECT_EQ(*ParseKeyUsage("encrypt,derive"), (KeyUsage{.sign = true, .encrypt = true}));
}

TEST(KeyUsageTest, AnyOtherWordIsRefused) {
  for (const absl::string_view text : {"", "derive,", ",", "derive, sign", "Sign", "verify"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseKeyUsage(text).status())) << text;
  }
}

TEST(AlgorithmsTest, EveryAlgorithmHasARow) {
  for (const AlgorithmFacts& facts : AllAlgorithms()) EXPECT_EQ(FactsOf(facts.algorithm).word, facts.word);
}

}  // namespace
}  // namespace aziot::keyd
