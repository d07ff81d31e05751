#include "keyd/backend/tpm2/unsynced.h"

#include <gmock/gmock.h>

#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"

namespace aziot::keyd::tpm2 {
namespace {

using aziot::testing::IsOk;
using ::testing::Not;

TEST(Unsynced, WhatWasDoneButNotSyncedIsSyncedBeforeAnAnswer) {
  const aziot::testing::TempDir dir;
  Unsynced unsynced;
  EXPECT_THAT(unsynced.During(dir.path(), [] { return absl::OkStatus(); }), IsOk());
  EXPECT_FALSE(unsynced.Any());
  EXPECT_THAT(unsynced.During(dir.path(), [] { return absl::DataLossError("fsync"); }), Not(IsOk()));
  EXPECT_TRUE(unsynced.Any());
  EXPECT_THAT(unsynced.Settle(dir.Join("other")), IsOk());
  EXPECT_TRUE(unsynced.Any());
  EXPECT_THAT(unsynced.Settle(dir.path()), IsOk());
  EXPECT_FALSE(unsynced.Any());
}

TEST(Unsynced, AFailureIsMadeUpForUntilItSucceeds) {
  const aziot::testing::TempDir dir;
  Unsynced unsynced;
  EXPECT_THAT(unsynced.During(dir.Join("gone"), [] { return absl::DataLossError("fsync"); }), Not(IsOk()));
  for (int i = 0; i < 2; ++i) EXPECT_THAT(unsynced.Settle(dir.Join("gone")), Not(IsOk()));
  EXPECT_TRUE(unsynced.Any());
}

TEST(Unsynced, AChangeUnderWayIsSyncedByWhoSeesIt) {
  const aziot::testing::TempDir dir;
  Unsynced unsynced;
  EXPECT_THAT(unsynced.During(dir.path(),
                              [&] {
                                EXPECT_TRUE(unsynced.Any());
                                EXPECT_THAT(unsynced.Settle(dir.path()), IsOk());
                                EXPECT_TRUE(unsynced.Any());
                                return absl::OkStatus();
                              }),
              IsOk());
  EXPECT_FALSE(unsynced.Any());
}

}  // namespace
}  // namespace aziot::keyd::tpm2
