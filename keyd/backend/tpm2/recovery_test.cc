// The TPM goes away, comes back, is cleared, is replaced, is used by others, or refuses.
#include <thread>

#include "common/openssl/digest.h"
#include "keyd/backend/tpm2/backend_fixture.h"
#include "keyd/tpm/persistent.h"

namespace aziot::keyd::tpm2 {
namespace {

using aziot::testing::IsOk;
using aziot::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using enum absl::StatusCode;
using std::chrono::steady_clock;

const Bytes kDigest(32, 1);
constexpr char kForeign[] = "another TPM";

class RecoveryTest : public BackendFixture {
 protected:
  // A whole set of keys: one pair, one key to sign with, one to encrypt with.
  void Fill(TpmBackend& backend) {
    ASSERT_THAT(backend.CreateKeyPair(pair_, kEc), IsOk());
    ASSERT_THAT(backend.CreateKey(sign_, kSign), IsOk());
    ASSERT_THAT(backend.CreateKey(encrypt_, kEncrypt), IsOk());
    ExpectWorks(backend);
  }
  void ExpectWorks(TpmBackend& backend) {
    EXPECT_THAT(backend.SignDigest(pair_, kDigest), IsOk());
    EXPECT_THAT(backend.Hmac(sign_, kDigest), IsOk());
    EXPECT_THAT(backend.Derive(sign_, kDigest), IsOk());
    EXPECT_THAT(backend.Encrypt(encrypt_, {.iv = kDigest}, kDigest), IsOk());
  }
  void ExpectForeign(TpmBackend& backend) {
    const std::string before[] = {Content(PathOf(pair_)), Content(PathOf(sign_)), Content(PathOf(encrypt_))};
    const auto foreign = StatusIs(kFailedPrecondition, HasSubstr(kForeign));
    EXPECT_THAT(backend.SignDigest(pair_, kDigest), foreign);
    EXPECT_THAT(backend.Hmac(sign_, kDigest), foreign);
    EXPECT_THAT(backend.Encrypt(encrypt_, {.iv = kDigest}, kDigest), foreign);
    EXPECT_THAT(backend.LoadKeyPair(pair_), foreign);
    EXPECT_THAT(backend.LoadKey(sign_), foreign);
    EXPECT_THAT(backend.CreateKeyPair(pair_, kEc), foreign);
    EXPECT_THAT(backend.CreateKey(sign_, kSign), foreign);
    EXPECT_THAT(backend.CreateKey(encrypt_, kEncrypt), foreign);
    EXPECT_THAT(backend.ImportKey(sign_, kDigest, kSign), foreign);
    EXPECT_EQ(Content(PathOf(pair_)), before[0]);
    EXPECT_EQ(Content(PathOf(sign_)), before[1]);
    EXPECT_EQ(Content(PathOf(encrypt_)), before[2]);
    // What was deleted can be made again.
    ASSERT_THAT(backend.DeleteKeyPair(pair_), IsOk());
    ASSERT_THAT(backend.DeleteKey(sign_), IsOk());
    ASSERT_THAT(backend.DeleteKey(encrypt_), IsOk());
    Fill(backend);
  }

  const KeyId pair_ = *KeyId::Parse("pair");
  const KeyId sign_ = *KeyId::Parse("sign");
  const KeyId encrypt_ = *KeyId::Parse("encrypt");
};

TEST_F(RecoveryTest, WithoutATpmNothingIsKnownOfKeys) {
  swtpm_.Kill();
  const auto backend = Open();
  EXPECT_THAT(backend->CreateKeyPair(pair_, kEc), StatusIs(kUnavailable));
  EXPECT_THAT(backend->CreateKey(sign_, kSign), StatusIs(kUnavailable));
  EXPECT_THAT(backend->LoadKeyPair(pair_), StatusIs(kNotFound));
  swtpm_.Start();
  Fill(*backend);
}

// quality.md, R9.
TEST_F(RecoveryTest, AKilledTpmServesAgainAtOnceWhenItIsBack) {
  const auto backend = Open();
  Fill(*backend);
  for (int round = 0; round < 3; ++round) {
    swtpm_.Kill();
    EXPECT_THAT(backend->SignDigest(pair_, kDigest), StatusIs(kUnavailable));
    EXPECT_THAT(backend->Hmac(sign_, kDigest), StatusIs(kUnavailable));
    // What the files say needs no TPM.
    EXPECT_THAT(backend->PublicParameter(pair_, PairParameter::kEcPoint), IsOk());
    swtpm_.Start();
    ExpectWorks(*backend);
  }
}

TEST_F(RecoveryTest, APowerCycleIsNotNoticed) {
  const auto backend = Open();
  Fill(*backend);
  for (int round = 0; round < 3; ++round) {
    swtpm_.Restart();
    ExpectWorks(*backend);
  }
}

TEST_F(RecoveryTest, KeysOfAClearedTpmAreReportedAndKept) {
  const auto backend = Open();
  Fill(*backend);
  ASSERT_TRUE(Run("tpm2_clear -c p"));
  ExpectForeign(*backend);
}

TEST_F(RecoveryTest, KeysOfAnotherTpmAreReportedAndKept) {
  Fill(*Open());
  swtpm_.Wipe();
  ExpectForeign(*Open());
}

TEST_F(RecoveryTest, OtherProgramsUseTheTpmInBetween) {
  const auto backend = Open();
  Fill(*backend);
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(
        Run("tpm2_createprimary -Q -C o -c primary && tpm2_flushcontext -t && tpm2_getrandom --hex 8"));
    ExpectWorks(*backend);
  }
}

TEST_F(RecoveryTest, ObjectsOfOthersInTheSamePlaceAreNotMistakenForOurs) {
  const auto backend = Open();
  ASSERT_THAT(backend->ImportKey(sign_, kDigest, kSign), IsOk());
  const Mac right = openssl::HmacSha256(kDigest, kDigest);
  EXPECT_EQ(*backend->Hmac(sign_, kDigest), right);
  // Flushes what we loaded, and loads another HMAC key where it was.
  ASSERT_TRUE(
      Run("tpm2_flushcontext -t; tpm2_create -Q -C 0x81000001 -G hmac -u pub -r priv && "
          "tpm2_load -Q -C 0x81000001 -u pub -r priv -c key"));
  EXPECT_EQ(*backend->Hmac(sign_, kDigest), right);
}

TEST_F(RecoveryTest, ATpmFilledByOthersIsWaitedForAndReported) {
  TpmBackendOptions options = Options();
  options.tpm = NewTpm(absl::Milliseconds(100));
  const auto backend = TpmBackend::Open(std::move(options));
  Fill(*backend);
  const auto other = NewTpm(absl::Milliseconds(10));
  const auto filled = other->Use([&](tpm::TpmContext& tpm) -> absl::Status {
    std::vector<tpm::Transient> objects;
    for (int i = 0; i < 3; ++i) {
      auto object = tpm::CreatePrimary(tpm, ESYS_TR_RH_OWNER, tpm::EccStorageTemplate());
      if (!object.ok()) break;
      objects.push_back(*std::move(object));
    }
    EXPECT_GE(objects.size(), 2u);
    EXPECT_THAT(backend->Hmac(sign_, kDigest),
                StatusIs(kUnavailable, AllOf(HasSubstr("0x902"), HasSubstr("/dev/tpmrm0"))));
    EXPECT_THAT(backend->SignDigest(pair_, kDigest), StatusIs(kUnavailable));
    return absl::OkStatus();
  });
  ASSERT_THAT(filled, IsOk());
  ExpectWorks(*backend);
}

TEST_F(RecoveryTest, ATpmFilledForAMomentIsNotNoticed) {
  const auto backend = Open();
  Fill(*backend);
  faults_->Answer(TPM2_CC_Load, TPM2_RC_OBJECT_MEMORY, 5);
  EXPECT_THAT(backend->SignDigest(pair_, kDigest), IsOk());
  faults_->Answer(TPM2_CC_Sign, TPM2_RC_RETRY, 8);
  EXPECT_THAT(backend->SignDigest(pair_, kDigest), IsOk());
}

TEST_F(RecoveryTest, ATpmWithoutHmacLeavesSuchKeysToAnotherPlace) {
  const auto backend = Open();
  for (int round = 0; round < 2; ++round) {
    faults_->Answer(TPM2_CC_HMAC, TPM2_RC_COMMAND_CODE, 1);
    EXPECT_THAT(backend->CreateKey(sign_, kSign), StatusIs(kUnimplemented));
    faults_->Answer(TPM2_CC_HMAC, TPM2_RC_COMMAND_CODE, 1);
    EXPECT_THAT(backend->ImportKey(sign_, kDigest, kSign), StatusIs(kUnimplemented));
    EXPECT_THAT(backend->LoadKey(sign_), StatusIs(kNotFound));
  }
  EXPECT_THAT(backend->CreateKeyPair(pair_, kEc), IsOk());
}

TEST_F(RecoveryTest, AlgorithmsTheTpmLacksArePassedOver) {
  const auto backend = Open();
  constexpr KeyAlgorithm kBoth[] = {KeyAlgorithm::kRsa4096, KeyAlgorithm::kEcP256};
  faults_->Answer(TPM2_CC_Create, TPM2_RC_VALUE | TPM2_RC_P | TPM2_RC_2, 1);
  EXPECT_THAT(backend->CreateKeyPair(other_, {kBoth, 1}), StatusIs(kUnimplemented));
  faults_->Answer(TPM2_CC_Create, TPM2_RC_VALUE | TPM2_RC_P | TPM2_RC_2, 1);
  ASSERT_THAT(backend->CreateKeyPair(pair_, kBoth), IsOk());
  EXPECT_EQ(*backend->FamilyOf(pair_), KeyFamily::kEc);
}

TEST_F(RecoveryTest, AWrongOwnerPasswordIsReported) {
  ASSERT_TRUE(Run("tpm2_changeauth -c o secret"));
  EXPECT_THAT(Open()->CreateKeyPair(pair_, kEc), StatusIs(kFailedPrecondition, HasSubstr("owner")));
  tpm::TpmOptions options{.tcti = swtpm_.tcti(), .owner_auth = Secret(ToBytesView("secret"))};
  TpmBackendOptions with_password = Options();
  with_password.tpm = tpm::Tpm::New(std::move(options));
  EXPECT_THAT(TpmBackend::Open(std::move(with_password))->CreateKeyPair(pair_, kEc), IsOk());
}

class ParentTest : public RecoveryTest {
 protected:
  static constexpr char kMakeParent[] =
      "tpm2_createprimary -Q -C o -c primary -p secret -a "
      "'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|"
      "restricted|decrypt' && tpm2_evictcontrol -Q -c primary 0x81000002 && tpm2_flushcontext -t";

  static constexpr char kOneWrongTry[] =
      "tpm2_getcap properties-variable | grep -q 'TPM2_PT_LOCKOUT_COUNTER: 0x1$'";

  std::unique_ptr<TpmBackend> OpenUnder(TPM2_HANDLE parent, absl::string_view password) {
    TpmBackendOptions options = Options();
    options.parent = parent;
    options.parent_auth = Secret(ToBytesView(password));
    return TpmBackend::Open(std::move(options));
  }
};

TEST_F(ParentTest, APasswordOfTheParentIsUsed) {
  ASSERT_TRUE(Run(kMakeParent));
  const auto backend = OpenUnder(0x81000002, "secret");
  Fill(*backend);
  ASSERT_THAT(backend->ImportKey(sign_, kDigest, kSign), IsOk());
  EXPECT_EQ(*backend->Hmac(sign_, kDigest), openssl::HmacSha256(kDigest, kDigest));
  EXPECT_EQ(ParseTss2Pem(Content(PathOf(pair_)))->parent, 0x81000002u);
  // Nothing was made of the SRK's place.
  EXPECT_FALSE(Run("tpm2_readpublic -Q -c 0x81000001"));
}

// The parent of this test is protected against guessing: a few tries more would lock everybody out.
TEST_F(ParentTest, AWrongPasswordIsTriedOnce) {
  ASSERT_TRUE(Run(kMakeParent));
  const auto backend = OpenUnder(0x81000002, "wrong");
  for (int i = 0; i < 20; ++i) {
    EXPECT_THAT(backend->CreateKeyPair(pair_, kEc),
                StatusIs(kFailedPrecondition, HasSubstr("tpm_parent_auth")));
  }
  EXPECT_TRUE(Run(kOneWrongTry));
  EXPECT_THAT(OpenUnder(0x81000002, "secret")->CreateKeyPair(pair_, kEc), IsOk());
}

TEST_F(ParentTest, LockoutIsReportedAndEnds) {
  ASSERT_TRUE(Run(kMakeParent));
  ASSERT_TRUE(Run("tpm2_dictionarylockout -s -n 1 -t 1000 -l 1000"));
  EXPECT_THAT(OpenUnder(0x81000002, "wrong")->CreateKeyPair(pair_, kEc), StatusIs(kFailedPrecondition));
  const auto backend = OpenUnder(0x81000002, "secret");
  EXPECT_THAT(backend->CreateKeyPair(pair_, kEc),
              StatusIs(kUnavailable, AllOf(HasSubstr("0x921"), HasSubstr("tpm2_dictionarylockout"))));
  ASSERT_TRUE(Run("tpm2_dictionarylockout -c"));
  EXPECT_THAT(backend->CreateKeyPair(pair_, kEc), IsOk());
}

TEST_F(ParentTest, AMissingParentIsNamed) {
  EXPECT_THAT(OpenUnder(0x81000007, "")->CreateKeyPair(pair_, kEc),
              StatusIs(kFailedPrecondition, AllOf(HasSubstr("0x81000007"), HasSubstr("tpm_parent"))));
}

TEST_F(ParentTest, SomethingElseInThePlaceOfTheParentIsNamed) {
  ASSERT_TRUE(
      Run("tpm2_createprimary -Q -C o -G ecc -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign' "
          "-c primary && tpm2_evictcontrol -Q -c primary 0x81000001 && tpm2_flushcontext -t"));
  EXPECT_THAT(Open()->CreateKeyPair(pair_, kEc),
              StatusIs(kFailedPrecondition, AllOf(HasSubstr("0x81000001"), HasSubstr("no storage key"))));
}

// A key with a password of its own, and protected: it is tried once as well.
TEST_F(ParentTest, AKeyWithAPasswordIsTriedOnce) {
  ASSERT_TRUE(Run(
      "tpm2_createprimary -Q -C o -G ecc -p secret -a 'fixedtpm|fixedparent|sensitivedataorigin|"
      "userwithauth|sign' -c primary && tpm2_evictcontrol -Q -c primary 0x81000010 && tpm2_flushcontext -t"));
  TpmBackendOptions options = Options();
  options.preloaded[pair_.value()] = uint32_t{0x81000010};
  const auto backend = TpmBackend::Open(std::move(options));
  for (int i = 0; i < 5; ++i) {
    EXPECT_THAT(backend->SignDigest(pair_, kDigest), StatusIs(kFailedPrecondition, HasSubstr("password")));
  }
  EXPECT_TRUE(Run(kOneWrongTry));
}

}  // namespace
}  // namespace aziot::keyd::tpm2
