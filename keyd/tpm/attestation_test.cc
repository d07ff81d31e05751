// Import and signing, against DPS's side in software.
#include "keyd/tpm/attestation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "common/bytes/base64.h"
#include "keyd/tpm/attestation_fixture.h"
#include "keyd/tpm/srk.h"

namespace aziot::keyd::tpm {
namespace {

using testing::IsOk;
using testing::IsOkAndHolds;
using ::testing::Optional;
using ::testing::StartsWith;
using testing::StatusIs;

TEST_F(AttestationTest, KeysAreThoseOfTheTemplatesAndStay) {
  EXPECT_THAT(attestation_->Ready(), StatusIs(absl::StatusCode::kUnavailable));
  const auto keys = attestation_->Keys();
  ASSERT_THAT(keys, IsOk());
  EXPECT_THAT(attestation_->Ready(), IsOk());
  EXPECT_EQ(keys->endorsement_key.size(), 316u);
  EXPECT_EQ(keys->storage_root_key.size(), 284u);
  EXPECT_THAT(FormatBase64(keys->endorsement_key), StartsWith("AToAAQALAAMAsgAg"));
  EXPECT_THAT(FormatBase64(keys->storage_root_key), StartsWith("ARoAAQALAAMEcgAA"));

  swtpm_.Restart();
  Open({});
  const auto again = attestation_->Keys();
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->endorsement_key, keys->endorsement_key);
  EXPECT_EQ(again->storage_root_key, keys->storage_root_key);
}

TEST_F(AttestationTest, AnEvictedKeyIsMadeAgainTheSame) {
  const auto keys = attestation_->Keys();
  ASSERT_THAT(keys, IsOk());
  Do([](TpmContext& tpm) { return Evict(tpm, kEkHandle); });
  Do([](TpmContext& tpm) { return Evict(tpm, kSrkHandle); });
  const auto again = attestation_->Keys();
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->endorsement_key, keys->endorsement_key);
  EXPECT_EQ(again->storage_root_key, keys->storage_root_key);
}

TEST_F(AttestationTest, TheKeyThatWasWrappedSigns) {
  ExpectNoKey();
  Import(first_);
  ExpectSignsWith(first_);
  Import(second_);
  ExpectSignsWith(second_);
  Import(second_);
  ExpectSignsWith(second_);
}

TEST_F(AttestationTest, WhoSignsDuringAnImportHasOneKeyOrTheOther) {
  Import(first_);
  const Bytes blobs[] = {Wrap(ChallengeFor(first_)), Wrap(ChallengeFor(second_))};
  const Hmac expected[] = {openssl::HmacSha256(first_, data_), openssl::HmacSha256(second_, data_)};
  std::atomic<bool> done = false;
  std::atomic<int> signatures = 0;
  std::vector<std::thread> signers;
  for (int i = 0; i < 4; ++i) {
    signers.emplace_back([&] {
      do {
        const auto hmac = attestation_->Sign(data_);
        EXPECT_THAT(hmac, IsOkAndHolds(Optional(::testing::AnyOf(expected[0], expected[1]))));
        ++signatures;
      } while (!done);
    });
  }
  for (int i = 1; i <= 10; ++i) EXPECT_THAT(attestation_->Import(blobs[i % 2]), IsOk());
  while (signatures < 100) std::this_thread::yield();
  done = true;
  for (std::thread& signer : signers) signer.join();
  ExpectSignsWith(first_);
}

TEST_F(AttestationTest, KeysOfOtherLengths) {
  for (const size_t size : {1, 16, 48, 64}) {
    const Bytes key(size, 3);
    Import(key);
    ExpectSignsWith(key);
  }
}

TEST_F(AttestationTest, TheBlobOfA32ByteKeyIsAsLongAsTheServicesIs) {
  const Bytes blob = Wrap(ChallengeFor(first_));
  EXPECT_EQ(blob.size(), 764u);
  Bytes longer = blob;
  longer.resize(blob.size() + 100, 0xff);
  EXPECT_THAT(attestation_->Import(longer), IsOk()) << "what follows is ignored";
  ExpectSignsWith(first_);
}

TEST_F(AttestationTest, TheKeyStaysOverStartsOfTheProcessAndOfTheTpm) {
  Import(first_);
  Open({});
  ExpectSignsWith(first_);
  swtpm_.Restart();
  ExpectSignsWith(first_);
  swtpm_.Restart();
  Import(second_);
  Open({});
  ExpectSignsWith(second_);
}

TEST_F(AttestationTest, ATpmThatWentAwayIsUsedAgainWhenItIsBack) {
  Import(first_);
  swtpm_.Kill();
  EXPECT_THAT(attestation_->Sign(data_), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(attestation_->Keys(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(attestation_->Import({}), StatusIs(absl::StatusCode::kUnavailable));
  swtpm_.Start();
  ExpectSignsWith(first_);
}

TEST_F(AttestationTest, AnotherTpmIsAnotherDevice) {
  Import(first_);
  const auto keys = attestation_->Keys();
  const Bytes blob = Wrap(ChallengeFor(second_));
  swtpm_.Wipe();
  ExpectNoKey();
  const auto others = attestation_->Keys();
  ASSERT_THAT(others, IsOk());
  EXPECT_NE(others->endorsement_key, keys->endorsement_key);
  EXPECT_NE(others->storage_root_key, keys->storage_root_key);
  EXPECT_FALSE(attestation_->Import(blob).ok()) << "it was wrapped to the other one";
  Import(first_);
  ExpectSignsWith(first_);
}

}  // namespace
}  // namespace aziot::keyd::tpm
