#include "common/bytes/secret.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <type_traits>

namespace aziot {
namespace {

static_assert(!std::is_copy_constructible_v<Secret> && !std::is_copy_assignable_v<Secret>);

TEST(Secret, MovesAndLeavesNothingBehind) {
  Secret a(ToBytesView("key"));
  Secret b(std::move(a));
  EXPECT_TRUE(a.empty());
  EXPECT_EQ(b.ExposeText(), "key");
}

TEST(Secret, TakeWipesTheSource) {
  std::string text = "a password long enough not to be stored inside the string object";
  const char* where = text.data();
  const size_t size = text.size();
  const Secret secret = Secret::Take(std::move(text));
  EXPECT_EQ(secret.size(), size);
  EXPECT_EQ(where[0], 0);
}

TEST(Secret, ComparesContent) {
  EXPECT_TRUE(Secret(ToBytesView("a")) == Secret(ToBytesView("a")));
  EXPECT_FALSE(Secret(ToBytesView("a")) == Secret(ToBytesView("b")));
  EXPECT_FALSE(Secret(ToBytesView("a")) == Secret(ToBytesView("aa")));
  EXPECT_TRUE(Secret() == Secret());
}

// In a process of its own: locked memory cannot be given back.
TEST(SecretDeathTest, WhatDoesNotFitIntoLockedMemoryLivesOutside) {
  const auto fill = [] {
    ProtectSecretMemory();
    const Secret large = Secret::OfSize(size_t{2} << 20);
    const Secret small = Secret(ToBytesView("key"));
    _exit(large.size() == size_t{2} << 20 && small.ExposeText() == "key" ? 0 : 1);
  };
  EXPECT_EXIT(fill(), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace aziot
