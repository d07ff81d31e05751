#include "keyd/backend/unsynced_names.h"

#include <gmock/gmock.h>

#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"

namespace aziot::keyd {
namespace {

using aziot::testing::IsOk;
using ::testing::Not;

class UnsyncedNamesTest : public ::testing::Test {
 protected:
  absl::Status During(const std::string& path, absl::FunctionRef<absl::Status()> change) {
    return unsynced_.During({&path, 1}, change);
  }

  const aziot::testing::TempDir dir_;
  const std::string path_ = dir_.Join("name");
  UnsyncedNames unsynced_;
};

TEST_F(UnsyncedNamesTest, WhatWasDoneButNotSyncedIsSyncedBeforeAnAnswer) {
  EXPECT_THAT(During(path_, [] { return absl::OkStatus(); }), IsOk());
  EXPECT_FALSE(unsynced_.Any());
  EXPECT_THAT(During(path_, [] { return absl::DataLossError("fsync"); }), Not(IsOk()));
  EXPECT_TRUE(unsynced_.Any());
  EXPECT_THAT(unsynced_.Settle(dir_.Join("other")), IsOk());
  EXPECT_TRUE(unsynced_.Any());
  EXPECT_THAT(unsynced_.Settle(path_), IsOk());
  EXPECT_FALSE(unsynced_.Any());
}

TEST_F(UnsyncedNamesTest, AFailureIsMadeUpForUntilItSucceeds) {
  const std::string gone = dir_.Join("gone/name");
  EXPECT_THAT(During(gone, [] { return absl::DataLossError("fsync"); }), Not(IsOk()));
  for (int i = 0; i < 2; ++i) EXPECT_THAT(unsynced_.Settle(gone), Not(IsOk()));
  EXPECT_TRUE(unsynced_.Any());
}

TEST_F(UnsyncedNamesTest, AChangeUnderWayIsSyncedByWhoSeesIt) {
  const auto change = [&] {
    EXPECT_TRUE(unsynced_.Any());
    EXPECT_THAT(unsynced_.Settle(path_), IsOk());
    EXPECT_TRUE(unsynced_.Any());
    return absl::OkStatus();
  };
  EXPECT_THAT(During(path_, change), IsOk());
  EXPECT_FALSE(unsynced_.Any());
}

}  // namespace
}  // namespace aziot::keyd
