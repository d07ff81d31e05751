#include "keyd/handles/known_handles.h"

#include <gmock/gmock.h>

#include <string>

namespace aziot::keyd {
namespace {

Handle HandleOf(const std::string& id) { return {Handle::Kind::kKey, *KeyId::Parse(id), {}}; }

TEST(KnownHandlesTest, KnowsWhatWasAdded) {
  KnownHandles known;
  EXPECT_FALSE(known.Find("a").has_value());
  known.Add("a", {Handle::Kind::kDerived, *KeyId::Parse("base"), {1, 2}});
  const auto found = known.Find("a");
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->kind, Handle::Kind::kDerived);
  EXPECT_EQ(found->id.value(), "base");
  EXPECT_EQ(found->derivation_data, (Bytes{1, 2}));
  EXPECT_FALSE(known.Find("b").has_value());
  EXPECT_FALSE(known.Find("").has_value());
}

TEST(KnownHandlesTest, ForgetsInTime) {
  KnownHandles known(std::chrono::seconds(-1));
  known.Add("a", HandleOf("x"));
  EXPECT_FALSE(known.Find("a").has_value());
}

TEST(KnownHandlesTest, IsBoundedAndKeepsTheNewest) {
  KnownHandles known;
  for (int i = 0; i < 10000; ++i) known.Add(std::to_string(i), HandleOf("x"));
  int kept = 0;
  for (int i = 0; i < 10000; ++i) kept += known.Find(std::to_string(i)).has_value() ? 1 : 0;
  EXPECT_LE(kept, 4096);
  EXPECT_GE(kept, 2048);
  EXPECT_TRUE(known.Find("9999").has_value());
}

}  // namespace
}  // namespace aziot::keyd
