#include "keyd/backend/locations.h"

#include <gmock/gmock.h>

#include "common/testing/status_matchers.h"
#include "keyd/backend/testing/fake_backend.h"
#include "keyd/backend/testing/key_backend_contract.h"

namespace aziot::keyd {
namespace {

using aziot::testing::StatusIs;
using keyd::testing::FakeBackend;
using ::testing::HasSubstr;

constexpr KeyUsage kSign{.sign = true};
constexpr KeyAlgorithm kEc[] = {KeyAlgorithm::kEcP256};
const Lane kTokenLane = Lane::Named("token:t");

class LocationsTest : public ::testing::Test {
 protected:
  LocationsTest() { token_.RunOn(kTokenLane); }

  std::vector<KeyStore> Stores() {
    std::vector<KeyStore> stores;
    for (const char* name : {"token \"t\"", "files", "token \"other\""}) {
      auto backend = std::make_unique<FakeBackend>();
      fakes_.push_back(backend.get());
      stores.push_back({name, std::move(backend), /*searched=*/fakes_.size() < 3});
    }
    return stores;
  }

  const KeyId id_ = *KeyId::Parse("device-id");
  const KeyId other_ = *KeyId::Parse("device-id-temp");
  const KeyId preloaded_ = *KeyId::Parse("preloaded");
  std::vector<FakeBackend*> fakes_;
  const std::unique_ptr<Locations> locations_ =
      std::make_unique<Locations>(Stores(), std::map<KeyId, size_t>{{preloaded_, 2}});
  FakeBackend& token_ = *fakes_[0];
  FakeBackend& files_ = *fakes_[1];
  FakeBackend& elsewhere_ = *fakes_[2];
};

TEST_F(LocationsTest, NewKeysGoToTheFirstPlace) {
  ASSERT_TRUE(locations_->CreateKey(id_, kSign).ok());
  ASSERT_TRUE(locations_->CreateKeyPair(other_, kEc).ok());
  EXPECT_TRUE(token_.LoadKey(id_).ok());
  EXPECT_TRUE(token_.LoadKeyPair(other_).ok());
  EXPECT_THAT(files_.LoadKey(id_), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(LocationsTest, KeysMadeBeforeThereWasATokenGoOnWorking) {
  ASSERT_TRUE(files_.ImportKey(id_, Bytes(32, 1), kSign).ok());
  ASSERT_TRUE(files_.CreateKeyPair(other_, kEc).ok());
  EXPECT_EQ(*locations_->Hmac(id_, {}), *files_.Hmac(id_, {}));
  ASSERT_TRUE(locations_->CreateKey(id_, kSign).ok());
  ASSERT_TRUE(locations_->CreateKeyPair(other_, kEc).ok());
  EXPECT_FALSE(token_.LoadKey(id_).ok());
  EXPECT_FALSE(token_.LoadKeyPair(other_).ok());
}

TEST_F(LocationsTest, WhatThePlaceCannotHoldGoesToTheNext) {
  token_.CannotHoldKeys();
  ASSERT_TRUE(locations_->CreateKey(id_, kSign).ok());
  EXPECT_TRUE(files_.LoadKey(id_).ok());
  ASSERT_TRUE(locations_->ImportKey(other_, Bytes(32, 1), kSign).ok());
  EXPECT_TRUE(files_.LoadKey(other_).ok());
  files_.CannotHoldKeys();
  EXPECT_THAT(locations_->CreateKey(*KeyId::Parse("third"), kSign),
              StatusIs(absl::StatusCode::kUnimplemented));
}

TEST_F(LocationsTest, TroubleOfThePlaceDoesNotMakeTheKeyElsewhere) {
  token_.FailWith(absl::InternalError("CKR_DEVICE_ERROR"));
  EXPECT_THAT(locations_->CreateKey(id_, kSign), StatusIs(absl::StatusCode::kInternal));
  token_.FailWith(absl::UnavailableError("pulled"));
  EXPECT_THAT(locations_->CreateKey(id_, kSign), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(locations_->ImportKey(id_, Bytes(32, 1), kSign), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(locations_->CreateKeyPair(id_, kEc), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(files_.LoadKey(id_), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(LocationsTest, APlaceThatIsAwayHidesItsKeysButNotThoseOfOthers) {
  ASSERT_TRUE(locations_->CreateKey(id_, kSign).ok());
  ASSERT_TRUE(files_.ImportKey(other_, Bytes(32, 1), kSign).ok());
  token_.FailWith(absl::UnavailableError("pulled"));
  EXPECT_THAT(locations_->Hmac(id_, {}), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_TRUE(locations_->Hmac(other_, {}).ok());
  EXPECT_THAT(locations_->LoadKey(*KeyId::Parse("unknown")), StatusIs(absl::StatusCode::kUnavailable));
  token_.FailWith(absl::OkStatus());
  EXPECT_TRUE(locations_->Hmac(id_, {}).ok());
  EXPECT_THAT(locations_->LoadKey(*KeyId::Parse("unknown")), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(LocationsTest, APlaceIsNotAskedAboutKeysKnownToBeElsewhere) {
  ASSERT_TRUE(files_.ImportKey(id_, Bytes(32, 1), kSign).ok());
  EXPECT_EQ(locations_->LaneOf(id_, Operation::kHmac), kTokenLane);
  ASSERT_TRUE(locations_->Hmac(id_, {}).ok());
  const int asked = token_.calls();
  EXPECT_TRUE(locations_->LaneOf(id_, Operation::kHmac).is_inline());
  ASSERT_TRUE(locations_->Hmac(id_, {}).ok());
  EXPECT_EQ(token_.calls(), asked);
}

TEST_F(LocationsTest, WhatReachesAllPlacesRunsWhereTheSlowestOfThemDoes) {
  ASSERT_TRUE(files_.ImportKey(id_, Bytes(32, 1), kSign).ok());
  ASSERT_TRUE(files_.CreateKeyPair(other_, kEc).ok());
  ASSERT_TRUE(locations_->LoadKey(id_).ok());
  ASSERT_TRUE(locations_->LoadKeyPair(other_).ok());
  EXPECT_EQ(locations_->LaneOf(id_, Operation::kImportKey), kTokenLane);
  EXPECT_EQ(locations_->LaneOf(id_, Operation::kDelete), kTokenLane);
  EXPECT_EQ(locations_->LaneOf(other_, Operation::kMove), kTokenLane);
  EXPECT_TRUE(locations_->LaneOf(other_, Operation::kEcdsa).is_inline());
}

TEST_F(LocationsTest, AKeyThatIsGoneIsLookedForAgain) {
  ASSERT_TRUE(locations_->CreateKey(id_, kSign).ok());
  ASSERT_TRUE(locations_->Hmac(id_, {}).ok());
  ASSERT_TRUE(token_.DeleteKey(id_).ok());
  ASSERT_TRUE(files_.ImportKey(id_, Bytes(32, 1), kSign).ok());
  EXPECT_EQ(*locations_->Hmac(id_, {}), *files_.Hmac(id_, {}));
}

TEST_F(LocationsTest, TheFirstOfTwoOfOneNameCounts) {
  ASSERT_TRUE(files_.ImportKey(id_, Bytes(32, 1), kSign).ok());
  ASSERT_TRUE(token_.ImportKey(id_, Bytes(32, 2), kSign).ok());
  EXPECT_EQ(*locations_->Hmac(id_, {}), *token_.Hmac(id_, {}));
}

TEST_F(LocationsTest, AnImportLeavesNoOlderKeyBehind) {
  ASSERT_TRUE(files_.ImportKey(id_, Bytes(32, 1), kSign).ok());
  ASSERT_TRUE(locations_->ImportKey(id_, Bytes(32, 2), kSign).ok());
  EXPECT_THAT(files_.LoadKey(id_), StatusIs(absl::StatusCode::kNotFound));
  ASSERT_TRUE(token_.ImportKey(other_, Bytes(32, 1), kSign).ok());
  token_.CannotHoldKeys();
  ASSERT_TRUE(locations_->ImportKey(other_, Bytes(32, 2), kSign).ok());
  EXPECT_EQ(*locations_->Hmac(other_, {}), *files_.Hmac(other_, {}));
  EXPECT_THAT(token_.LoadKey(other_), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(LocationsTest, DeletionReachesAllPlaces) {
  for (FakeBackend* place : {&token_, &files_}) {
    ASSERT_TRUE(place->CreateKey(id_, kSign).ok());
    ASSERT_TRUE(place->CreateKeyPair(other_, kEc).ok());
  }
  EXPECT_TRUE(locations_->DeleteKey(id_).ok());
  EXPECT_TRUE(locations_->DeleteKeyPair(other_).ok());
  EXPECT_THAT(locations_->LoadKey(id_), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(locations_->LoadKeyPair(other_), StatusIs(absl::StatusCode::kNotFound));
  token_.FailWith(absl::UnavailableError("pulled"));
  EXPECT_THAT(locations_->DeleteKey(id_), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(LocationsTest, AnIdOfTheOtherKindIsRefusedWhereverItLies) {
  ASSERT_TRUE(files_.CreateKeyPair(id_, kEc).ok());
  ASSERT_TRUE(files_.CreateKey(other_, kSign).ok());
  EXPECT_THAT(locations_->CreateKey(id_, kSign), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(locations_->ImportKey(id_, Bytes(32, 1), kSign), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(locations_->CreateKeyPair(other_, kEc), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(LocationsTest, APairMovesWithinItsPlace) {
  ASSERT_TRUE(files_.CreateKeyPair(id_, kEc).ok());
  const Bytes point = *files_.PublicParameter(id_, PairParameter::kEcPoint);
  ASSERT_TRUE(locations_->MoveKeyPair(id_, other_).ok());
  EXPECT_EQ(*locations_->PublicParameter(other_, PairParameter::kEcPoint), point);
  EXPECT_THAT(locations_->LoadKeyPair(id_), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(LocationsTest, APairDoesNotMoveBetweenPlaces) {
  ASSERT_TRUE(files_.CreateKeyPair(id_, kEc).ok());
  ASSERT_TRUE(token_.CreateKeyPair(other_, kEc).ok());
  for (const auto& [from, to] : {std::pair{id_, other_}, {other_, id_}, {id_, preloaded_}}) {
    EXPECT_THAT(locations_->MoveKeyPair(from, to), StatusIs(absl::StatusCode::kInvalidArgument));
  }
  EXPECT_TRUE(locations_->LoadKeyPair(id_).ok());
  EXPECT_TRUE(locations_->LoadKeyPair(other_).ok());
}

TEST_F(LocationsTest, APreloadedKeyLiesInItsOwnPlaceAlone) {
  ASSERT_TRUE(token_.CreateKey(preloaded_, kSign).ok());
  EXPECT_THAT(locations_->LoadKey(preloaded_), StatusIs(absl::StatusCode::kNotFound));
  ASSERT_TRUE(locations_->CreateKey(preloaded_, kSign).ok());
  EXPECT_TRUE(elsewhere_.LoadKey(preloaded_).ok());
  EXPECT_TRUE(locations_->LaneOf(preloaded_, Operation::kHmac).is_inline());
  ASSERT_TRUE(elsewhere_.CreateKey(id_, kSign).ok());
  EXPECT_THAT(locations_->LoadKey(id_), StatusIs(absl::StatusCode::kNotFound));
}

class TwoPlaces final : public keyd::testing::BackendUnderTest {
 public:
  KeyBackend& backend() override { return locations_; }

 private:
  static std::vector<KeyStore> Stores() {
    std::vector<KeyStore> stores;
    for (const char* name : {"first", "second"}) stores.push_back({name, std::make_unique<FakeBackend>()});
    return stores;
  }
  Locations locations_{Stores(), {}};
};

}  // namespace

namespace testing {
namespace {

INSTANTIATE_TEST_SUITE_P(Locations, KeyBackendContract,
                         ::testing::Values(ContractParameter{"TwoPlaces",
                                                             [] { return std::make_unique<TwoPlaces>(); }}),
                         ContractName);

}  // namespace
}  // namespace testing
}  // namespace aziot::keyd
