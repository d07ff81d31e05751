// Passwords, objects of others at our handles, and TPMs that refuse, are full, busy or gone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "keyd/tpm/attestation_fixture.h"
#include "keyd/tpm/fake_tcti.h"
#include "keyd/tpm/srk.h"

namespace aziot::keyd::tpm {
namespace {

using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;

TEST_F(AttestationTest, HierarchiesWithPasswords) {
  SetPassword(ESYS_TR_RH_OWNER, "the owner");
  SetPassword(ESYS_TR_RH_ENDORSEMENT, std::string(32, 'e'));
  Open({});
  EXPECT_THAT(attestation_->Keys(), StatusIs(absl::StatusCode::kInternal,
                                             HasSubstr("[hierarchy_authorization] endorsement is wrong")));
  Open("wrong", std::string(32, 'e'));
  EXPECT_THAT(attestation_->Keys(),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("[hierarchy_authorization] owner is wrong")));
  Open("the owner", std::string(32, 'e'));
  Import(first_);
  Import(second_);
  ExpectSignsWith(second_);
  Open("the owner", "wrong");
  EXPECT_THAT(
      attestation_->Import(Wrap(ChallengeFor(first_))),
      StatusIs(absl::StatusCode::kInternal, HasSubstr("[hierarchy_authorization] endorsement is wrong")));
  ExpectSignsWith(second_);
}

TEST_F(AttestationTest, AKeyThatCannotBePersistentLastsUntilTheEnd) {
  Import(first_);
  const auto blob = Wrap(ChallengeFor(second_));
  SetPassword(ESYS_TR_RH_OWNER, "not in the configuration");
  Open({});
  ::testing::internal::CaptureStderr();
  ASSERT_THAT(attestation_->Import(blob), IsOk());
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("could not be made persistent"));
  ExpectSignsWith(second_);
  swtpm_.Restart();
  ExpectSignsWith(second_);
  Open({});
  ExpectSignsWith(first_);
}

TEST_F(AttestationTest, AnUnsavedKeyEndsWithTheTpmItWasImportedTo) {
  const auto blob = Wrap(ChallengeFor(second_));
  SetPassword(ESYS_TR_RH_OWNER, "not in the configuration");
  Open({});
  ASSERT_THAT(attestation_->Import(blob), IsOk());
  ExpectSignsWith(second_);
  swtpm_.Wipe();
  ExpectNoKey();
  Import(first_);
  ExpectSignsWith(first_);
}

TEST_F(AttestationTest, AnObjectOfOthersAtItsHandleGivesWayAndAllElseStays) {
  PersistAt(kAuthKey, SrkTemplate());
  PersistAt(kAuthKey + 1, EccStorageTemplate());
  EXPECT_THAT(attestation_->Sign(data_), StatusIs(absl::StatusCode::kInternal, HasSubstr("0x81000100")));
  Import(first_);
  ExpectSignsWith(first_);
  Do([](TpmContext& tpm) { return tpm.Persistent(kAuthKey + 1).status(); });
}

TEST_F(AttestationTest, AnotherProgramEvictsTheKeyWhileItIsInUse) {
  Import(first_);
  ExpectSignsWith(first_);
  Do([](TpmContext& tpm) -> absl::Status {
    RETURN_IF_ERROR(tpm.Persistent(kAuthKey).status());
    return tpm.Run("TPM2_EvictControl", [&] {
      ESYS_TR object;
      ESYS_TR none;
      const TSS2_RC rc =
          Esys_TR_FromTPMPublic(tpm.esys(), kAuthKey, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &object);
      if (rc != TSS2_RC_SUCCESS) return rc;
      return Esys_EvictControl(tpm.esys(), ESYS_TR_RH_OWNER, object, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                               ESYS_TR_NONE, kAuthKey, &none);
    });
  });
  ExpectNoKey();
}

class FaultyTpmTest : public AttestationTest {
 protected:
  FaultyTpmTest() {
    TpmOptions options;
    options.open = [this](const std::string& resolved) { return FakeTcti::Open(resolved, faults_); };
    Open(std::move(options));
  }
  const std::shared_ptr<Faults> faults_ = std::make_shared<Faults>();
};

TEST_F(FaultyTpmTest, AnObjectThatComesToItsHandleInBetweenGivesWay) {
  const auto blob = Wrap(ChallengeFor(first_));
  faults_->Answer(TPM2_CC_EvictControl, TPM2_RC_NV_DEFINED, 1);
  EXPECT_THAT(attestation_->Import(blob), IsOk());
  Open({});
  ExpectSignsWith(first_);
}

TEST_F(FaultyTpmTest, AnotherProgramMakesTheStandardKeysAtTheSameTime) {
  Open({});
  ASSERT_THAT(attestation_->Keys(), IsOk());
  TpmOptions options;
  options.open = [this](const std::string& resolved) { return FakeTcti::Open(resolved, faults_); };
  Open(std::move(options));
  // Not there when looked at, there when made.
  faults_->Answer(TPM2_CC_ReadPublic, TPM2_RC_HANDLE + TPM2_RC_1, 1);
  EXPECT_THAT(attestation_->Keys(), IsOk());
}

TEST_F(FaultyTpmTest, ATpmWithoutRoomKeepsTheKeyUntilTheEnd) {
  const auto blob = Wrap(ChallengeFor(first_));
  faults_->Answer(TPM2_CC_EvictControl, TPM2_RC_NV_SPACE, 1);
  EXPECT_THAT(attestation_->Import(blob), IsOk());
  ExpectSignsWith(first_);
  EXPECT_THAT(attestation_->Import(blob), IsOk());
  Open({});
  ExpectSignsWith(first_);
}

TEST_F(FaultyTpmTest, ATpmThatIsBusyIsAskedAgain) {
  const auto blob = Wrap(ChallengeFor(first_));
  for (const TPM2_CC command : {TPM2_CC_PolicySecret, TPM2_CC_ActivateCredential, TPM2_CC_Import,
                                TPM2_CC_Load, TPM2_CC_HMAC, TPM2_CC_EvictControl}) {
    faults_->Answer(command, TPM2_RC_RETRY, 2);
  }
  EXPECT_THAT(attestation_->Import(blob), IsOk());
  ExpectSignsWith(first_);
}

// again.
TEST_F(FaultyTpmTest, AConnectionThatBreaksIsOpenedAgain) {
  Import(first_);
  const auto blob = Wrap(ChallengeFor(second_));
  faults_->Break(1);
  EXPECT_THAT(attestation_->Import(blob), IsOk());
  ExpectSignsWith(second_);
  faults_->Break(1);
  EXPECT_THAT(attestation_->Keys(), IsOk());
  faults_->Break(1);
  ExpectSignsWith(second_);
}

TEST_F(FaultyTpmTest, WhatATpmRefusesLeavesTheEarlierKey) {
  Import(first_);
  const auto blob = Wrap(ChallengeFor(second_));
  for (const TPM2_CC command : {TPM2_CC_StartAuthSession, TPM2_CC_PolicySecret, TPM2_CC_ActivateCredential,
                                TPM2_CC_Import, TPM2_CC_Load, TPM2_CC_HMAC}) {
    faults_->Answer(command, TPM2_RC_COMMAND_CODE, 1);
    EXPECT_FALSE(attestation_->Import(blob).ok()) << command;
    ExpectSignsWith(first_);
  }
}

struct WrongObject {
  const char* name;
  TPM2_HANDLE handle;
  const TPM2B_PUBLIC& (*area)();
  const char* says;
};
class WrongObjectTest : public AttestationTest, public ::testing::WithParamInterface<WrongObject> {};

TEST_P(WrongObjectTest, IsNamedAndNotTouched) {
  PersistAt(GetParam().handle, GetParam().area());
  const auto refused = StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(GetParam().says));
  EXPECT_THAT(attestation_->Keys(), refused);
  EXPECT_THAT(attestation_->Import(Bytes(2)), refused);
  EXPECT_THAT(attestation_->Ready(), refused);
  Do([](TpmContext& tpm) { return Evict(tpm, GetParam().handle); });
  EXPECT_THAT(attestation_->Keys(), IsOk());
  EXPECT_THAT(attestation_->Ready(), IsOk());
}
// P-256 for signing: no storage key.
const TPM2B_PUBLIC& SigningTemplate() {
  static const TPM2B_PUBLIC made = [] {
    TPM2B_PUBLIC area = EccStorageTemplate();
    area.publicArea.objectAttributes &= ~(TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT);
    area.publicArea.objectAttributes |= TPMA_OBJECT_SIGN_ENCRYPT;
    area.publicArea.parameters.eccDetail.symmetric.algorithm = TPM2_ALG_NULL;
    return area;
  }();
  return made;
}
INSTANTIATE_TEST_SUITE_P(
    All, WrongObjectTest,
    ::testing::Values(
        WrongObject{"SrkAsEk", kEkHandle, SrkTemplate, "0x81010001 of the TPM is no endorsement key"},
        WrongObject{"SigningKeyAsEk", kEkHandle, SigningTemplate, "of its attributes"},
        WrongObject{"EkAsSrk", kSrkHandle, EkTemplate, "0x81000001 of the TPM is no storage root key"},
        WrongObject{"SigningKeyAsSrk", kSrkHandle, SigningTemplate, "of its attributes"}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace aziot::keyd::tpm
