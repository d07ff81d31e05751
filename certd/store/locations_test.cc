#include "certd/store/locations.h"

#include <gtest/gtest.h>

namespace aziot::certd {
namespace {

CertId Id(absl::string_view text) { return *CertId::Parse(text); }

TEST(Locations, FindsWhatIsPreloaded) {
  const auto locations = Locations::New({{Id("a"), FileLocation{"/x"}}});
  ASSERT_TRUE(locations.ok());
  EXPECT_NE(locations->Find(Id("a")), nullptr);
  EXPECT_EQ(locations->Find(Id("b")), nullptr);
}

TEST(Locations, BundlesMayShareElementsAndNest) {
  EXPECT_TRUE(
      Locations::New({{Id("a"), Bundle{Id("b"), Id("c"), Id("b")}}, {Id("c"), Bundle{Id("b")}}}).ok());
}

TEST(Locations, RefusesABundleThatContainsItself) {
  EXPECT_FALSE(Locations::New({{Id("a"), Bundle{Id("a")}}}).ok());
  EXPECT_FALSE(
      Locations::New({{Id("a"), Bundle{Id("b")}}, {Id("b"), Bundle{Id("c")}}, {Id("c"), Bundle{Id("a")}}})
          .ok());
}

}  // namespace
}  // namespace aziot::certd
