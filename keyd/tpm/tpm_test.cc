#include "keyd/tpm/tpm.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <iterator>
#include <thread>
#include <vector>

#include "common/testing/manual_clock.h"
#include "common/testing/status_matchers.h"
#include "common/testing/swtpm.h"
#include "keyd/tpm/esys_ptr.h"
#include "keyd/tpm/fake_tcti.h"
#include "keyd/tpm/marshal.h"
#include "keyd/tpm/persistent.h"
#include "keyd/tpm/session.h"
#include "keyd/tpm/srk.h"

namespace aziot::keyd::tpm {
namespace {

using aziot::testing::IsOk;
using aziot::testing::StatusIs;
using ::testing::HasSubstr;
using enum absl::StatusCode;

absl::Status GetRandom(TpmContext& tpm) {
  return tpm.Run("TPM2_GetRandom", [&] {
    EsysPtr<TPM2B_DIGEST> bytes;
    return Esys_GetRandom(tpm.esys(), ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, 8, EsysOut(bytes));
  });
}

absl::StatusOr<Transient> NewObject(TpmContext& tpm) {
  return CreatePrimary(tpm, ESYS_TR_RH_OWNER, EccStorageTemplate());
}

class TpmTest : public ::testing::Test {
 protected:
  TpmOptions Options() {
    TpmOptions options{.tcti = swtpm_.tcti(), .patience = absl::Milliseconds(300)};
    options.open = [faults = faults_](const std::string& resolved) {
      return FakeTcti::Open(resolved, faults);
    };
    return options;
  }
  // How many objects the TPM has room for, as another program sees it.
  int FreeSlots() {
    int free = 0;
    const absl::Status status = Tpm::New(Options())->Use([&](TpmContext& tpm) {
      std::vector<Transient> objects;
      for (;;) {
        absl::StatusOr<Transient> object = NewObject(tpm);
        if (!object.ok()) return IsFull(RcOf(object.status())) ? absl::OkStatus() : object.status();
        objects.push_back(*std::move(object));
        ++free;
      }
    });
    EXPECT_THAT(status, IsOk());
    return free;
  }

  aziot::testing::Swtpm swtpm_;
  const std::shared_ptr<Faults> faults_ = std::make_shared<Faults>();
};

TEST_F(TpmTest, AnswersLaterAreWaitedFor) {
  for (const TPM2_RC later : {TPM2_RC_RETRY, TPM2_RC_YIELDED, TPM2_RC_CANCELED, TPM2_RC_TESTING}) {
    TpmOptions options = Options();
    options.patience = absl::Seconds(60);
    faults_->Answer(TPM2_CC_GetRandom, later, 8);
    EXPECT_THAT(Tpm::New(std::move(options))->Use(GetRandom), IsOk()) << later;
  }
}

TEST_F(TpmTest, ATpmThatStaysBusyIsUnavailable) {
  faults_->Answer(TPM2_CC_GetRandom, TPM2_RC_RETRY, 1'000'000);
  EXPECT_THAT(Tpm::New(Options())->Use(GetRandom),
              StatusIs(kUnavailable, AllOf(HasSubstr("TPM2_GetRandom"), HasSubstr("0x922"))));
}

TEST_F(TpmTest, ErrorsCarryTheirCode) {
  faults_->Answer(TPM2_CC_GetRandom, 0x1df, 1);  // TPM_RC_INTEGRITY of parameter 1
  const absl::Status status = Tpm::New(Options())->Use(GetRandom);
  EXPECT_THAT(status, StatusIs(kInternal, HasSubstr("0x1DF")));
  EXPECT_EQ(RcOf(status), 0x1dfu);
  EXPECT_EQ(ErrorOf(status), TPM2_RC_INTEGRITY);
}

TEST_F(TpmTest, LockoutSaysWhatToDo) {
  faults_->Answer(TPM2_CC_GetRandom, TPM2_RC_LOCKOUT, 1);
  EXPECT_THAT(Tpm::New(Options())->Use(GetRandom), StatusIs(kUnavailable, HasSubstr("clear-lockout")));
}

TEST_F(TpmTest, AMissingCommandIsUnimplemented) {
  faults_->Answer(TPM2_CC_GetRandom, TPM2_RC_COMMAND_CODE, 1);
  EXPECT_THAT(Tpm::New(Options())->Use(GetRandom), StatusIs(kUnimplemented));
}

TEST_F(TpmTest, ABrokenConnectionIsMadeAnew) {
  const auto tpm = Tpm::New(Options());
  ASSERT_THAT(tpm->Use(GetRandom), IsOk());
  faults_->Break(1);
  int runs = 0;
  EXPECT_THAT(tpm->Use([&](TpmContext& context) { return ++runs, GetRandom(context); }), IsOk());
  EXPECT_EQ(runs, 2);
  faults_->Break(2);
  EXPECT_THAT(tpm->Use(GetRandom), StatusIs(kUnavailable));
  EXPECT_THAT(tpm->Use(GetRandom), IsOk());
}

TEST_F(TpmTest, ATpmThatComesBackIsUsedAtOnce) {
  const auto tpm = Tpm::New(Options());
  ASSERT_THAT(tpm->Use(GetRandom), IsOk());
  swtpm_.Kill();
  EXPECT_THAT(tpm->Use(GetRandom), StatusIs(kUnavailable));
  EXPECT_THAT(tpm->Use(GetRandom), StatusIs(kUnavailable, HasSubstr(swtpm_.tcti())));
  swtpm_.Start();
  EXPECT_THAT(tpm->Use(GetRandom), IsOk());
}

TEST_F(TpmTest, LostConnectionsLeaveNoDescriptors) {
  const auto count = [] {
    const std::filesystem::directory_iterator descriptors("/proc/self/fd");
    return std::distance(begin(descriptors), end(descriptors));
  };
  const auto tpm = Tpm::New(Options());
  ASSERT_THAT(tpm->Use(GetRandom), IsOk());
  const auto before = count();
  for (int i = 0; i < 20; ++i) {
    faults_->Break(2);
    EXPECT_THAT(tpm->Use(GetRandom), StatusIs(kUnavailable));
  }
  ASSERT_THAT(tpm->Use(GetRandom), IsOk());
  EXPECT_EQ(count(), before);
  swtpm_.Kill();
  for (int i = 0; i < 20; ++i) EXPECT_THAT(tpm->Use(GetRandom), StatusIs(kUnavailable));
  EXPECT_LE(count(), before);
}

TEST_F(TpmTest, ObjectsAndSessionsAreFlushed) {
  const int slots = FreeSlots();
  ASSERT_GE(slots, 3);
  const auto tpm = Tpm::New(Options());
  for (int round = 0; round < 2 * slots; ++round) {
    ASSERT_THAT(tpm->Use([&](TpmContext& context) -> absl::Status {
      const absl::StatusOr<Transient> object = NewObject(context);
      const absl::StatusOr<Transient> session =
          StartHmacSession(context, object->get(), TPMA_SESSION_ENCRYPT);
      const absl::StatusOr<Transient> policy = StartPolicySecretSession(context, ESYS_TR_RH_ENDORSEMENT);
      return session.ok() ? policy.status() : session.status();
    }),
                IsOk());
  }
  EXPECT_EQ(FreeSlots(), slots);
}

TEST_F(TpmTest, TheKeptObjectIsLoadedOnceAndLetGoWhenIdle) {
  const int slots = FreeSlots();
  TpmOptions options = Options();
  options.idle = absl::Milliseconds(50);
  const auto tpm = Tpm::New(std::move(options));
  int loads = 0;
  const auto keep = [&](absl::string_view name) {
    return tpm->Use([&](TpmContext& context) {
      return context.Keep(name, [&] { return ++loads, NewObject(context); }).status();
    });
  };
  for (int i = 0; i < 3; ++i) ASSERT_THAT(keep("one"), IsOk());
  EXPECT_EQ(loads, 1);
  ASSERT_THAT(keep("two"), IsOk());
  EXPECT_EQ(loads, 2);
  for (int waited = 0; waited < 500 && FreeSlots() < slots; ++waited) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(FreeSlots(), slots);
  ASSERT_THAT(keep("two"), IsOk());
  EXPECT_EQ(loads, 3);
}

TEST_F(TpmTest, InConstantUseTheTpmIsLetGoOnceASecond) {
  aziot::testing::ManualClock clock;
  TpmOptions options = Options();
  options.idle = absl::Minutes(1);
  const auto tpm = Tpm::New(std::move(options), clock);
  int loads = 0;
  for (int i = 0; i < 8; ++i) {
    ASSERT_THAT(tpm->Use([&](TpmContext& context) {
      return context.Keep("key", [&] { return ++loads, NewObject(context); }).status();
    }),
                IsOk());
    clock.Advance(absl::Milliseconds(300));
  }
  EXPECT_EQ(loads, 2);
}

// Behind a resource manager what was loaded stays for longer, but not what was unsealed.
TEST_F(TpmTest, BehindAResourceManagerOnlySecretsAreForgottenSoon) {
  const int slots = FreeSlots();
  aziot::testing::ManualClock clock;
  TpmOptions options = Options();
  options.tcti = "tabrmd:a resource manager";
  options.open = [this](const std::string&) { return OpenTcti(swtpm_.tcti()); };
  const auto tpm = Tpm::New(std::move(options), clock);
  const auto secret = std::make_shared<int>(1);
  ASSERT_THAT(tpm->Use([&](TpmContext& context) -> absl::Status {
    const auto kept = context.Keep("key", [&] { return NewObject(context); });
    if (kept.ok()) (*kept)->computed = std::make_shared<std::shared_ptr<int>>(secret);
    return kept.status();
  }),
              IsOk());
  EXPECT_EQ(secret.use_count(), 2);
  clock.Advance(absl::Milliseconds(300));
  for (int waited = 0; waited < 500 && secret.use_count() > 1; ++waited) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(secret.use_count(), 1);
  EXPECT_EQ(FreeSlots(), slots - 1);
  clock.Advance(absl::Seconds(30));
  for (int waited = 0; waited < 500 && FreeSlots() < slots; ++waited) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(FreeSlots(), slots);
}

TEST_F(TpmTest, WhatIsKeptGivesWayWhenTheTpmIsFull) {
  const auto tpm = Tpm::New(Options());
  const auto keep = [&](absl::string_view name) {
    return tpm->Use(
        [&](TpmContext& context) { return context.Keep(name, [&] { return NewObject(context); }).status(); });
  };
  ASSERT_THAT(keep("one"), IsOk());
  faults_->Answer(TPM2_CC_CreatePrimary, TPM2_RC_OBJECT_MEMORY, 1);
  ASSERT_THAT(tpm->Use([&](TpmContext& context) { return NewObject(context).status(); }), IsOk());
  // Gone at the first refusal, before any waiting.
  EXPECT_EQ(faults_->CountOf(TPM2_CC_FlushContext), 2);
}

TEST_F(TpmTest, AnObjectOfOthersWhereOursWasIsNotUsed) {
  const auto tpm = Tpm::New(Options());
  int loads = 0;
  const auto keep = [&] {
    return tpm->Use([&](TpmContext& context) {
      return context.Keep("ours", [&] { return ++loads, NewObject(context); }).status();
    });
  };
  ASSERT_THAT(keep(), IsOk());
  // A power cycle, and another program is first to load something.
  swtpm_.Restart();
  const auto other = Tpm::New(Options());
  ASSERT_THAT(other->Use([&](TpmContext& context) {
    return context.Keep("theirs", [&] { return CreatePrimary(context, ESYS_TR_RH_OWNER, SrkTemplate()); })
        .status();
  }),
              IsOk());
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  ASSERT_THAT(keep(), IsOk());
  EXPECT_EQ(loads, 2);
}

TEST_F(TpmTest, TheSrkIsMadeOnceFromItsTemplate) {
  Bytes first;
  for (int round = 0; round < 2; ++round) {
    ASSERT_THAT(Tpm::New(Options())->Use([&](TpmContext& context) -> absl::Status {
      const absl::StatusOr<ESYS_TR> srk = ResolveStorageKey(context, kSrkHandle);
      if (!srk.ok()) return srk.status();
      const absl::StatusOr<TPM2B_PUBLIC> area = ReadPublic(context, *srk);
      EXPECT_THAT(CheckStorageKey(*area, kSrkHandle), IsOk());
      const Bytes bytes = *FormatPublic(*area);
      EXPECT_EQ(bytes.size(), 284u);
      if (round > 0) {
        EXPECT_EQ(bytes, first);
      }
      first = bytes;
      return absl::OkStatus();
    }),
                IsOk());
  }
  EXPECT_EQ(faults_->CountOf(TPM2_CC_CreatePrimary), 1);
  // tpm.md, section 2: what an operator sees of it begins so in base64 (ARoAAQALAAMEcgAA).
  const Bytes expected = {0x01, 0x1a, 0x00, 0x01, 0x00, 0x0b, 0x00, 0x03, 0x04, 0x72, 0x00, 0x00};
  EXPECT_EQ(Bytes(first.begin(), first.begin() + 12), expected);
}

TEST_F(TpmTest, OnlyTheSrkIsMade) {
  EXPECT_THAT(
      Tpm::New(Options())->Use([](TpmContext& tpm) { return ResolveStorageKey(tpm, 0x81000005).status(); }),
      StatusIs(kFailedPrecondition, HasSubstr("0x81000005")));
  EXPECT_EQ(faults_->CountOf(TPM2_CC_CreatePrimary), 0);
}

TEST_F(TpmTest, AnSrkThatAnotherProgramMadeMeanwhileIsUsed) {
  ASSERT_THAT(
      Tpm::New(Options())->Use([](TpmContext& tpm) { return ResolveStorageKey(tpm, kSrkHandle).status(); }),
      IsOk());
  faults_->Answer(TPM2_CC_ReadPublic, TPM2_RC_HANDLE | TPM2_RC_1, 1);
  EXPECT_THAT(
      Tpm::New(Options())->Use([](TpmContext& tpm) { return ResolveStorageKey(tpm, kSrkHandle).status(); }),
      IsOk());
}

TEST_F(TpmTest, ThreadsTakeTurns) {
  const auto tpm = Tpm::New(Options());
  std::vector<std::thread> threads;
  int inside = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 20; ++round) {
        EXPECT_THAT(tpm->Use([&](TpmContext& context) {
          EXPECT_EQ(++inside, 1);
          const absl::Status status = GetRandom(context);
          --inside;
          return status;
        }),
                    IsOk());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(Tcti, ResourceManagersAreKnown) {
  EXPECT_TRUE(HasResourceManager("device:/dev/tpmrm0"));
  EXPECT_TRUE(HasResourceManager("tabrmd:bus_name=com.example"));
  EXPECT_FALSE(HasResourceManager("device:/dev/tpm0"));
  EXPECT_FALSE(HasResourceManager("swtpm:path=/run/swtpm"));
  EXPECT_TRUE(HasOneUser("device:/dev/tpm0"));
  EXPECT_FALSE(HasOneUser("device:/dev/tpmrm0"));
  EXPECT_FALSE(HasOneUser(""));
  EXPECT_EQ(ResolveTcti("swtpm:path=x"), "swtpm:path=x");
}

TEST(Tcti, AMissingDeviceIsNamed) {
  EXPECT_THAT(OpenTcti("device:/nonexistent/tpm").status(),
              StatusIs(kUnavailable, HasSubstr("/nonexistent/tpm")));
  EXPECT_THAT(OpenTcti("no-such-tcti").status(), StatusIs(kUnavailable, HasSubstr("no-such-tcti")));
}

TEST(Rc, LayersAndNumbersAreTakenOff) {
  EXPECT_EQ(ErrorOf(TSS2_RC{0x1df}), TPM2_RC_INTEGRITY);
  EXPECT_EQ(ErrorOf(TSS2_RESMGR_TPM_RC_LAYER | 0x98e), TPM2_RC_AUTH_FAIL);
  EXPECT_EQ(ErrorOf(TSS2_RC{0x922}), TPM2_RC_RETRY);
  EXPECT_TRUE(IsBusy(TSS2_RESMGR_TPM_RC_LAYER | TPM2_RC_RETRY));
  EXPECT_TRUE(IsBroken(TSS2_TCTI_RC_IO_ERROR));
  EXPECT_FALSE(IsBroken(TPM2_RC_INTEGRITY));
  EXPECT_TRUE(IsForgotten(TPM2_RC_REFERENCE_H0));
  EXPECT_FALSE(IsForgotten(TPM2_RC_LOCKOUT));
  EXPECT_THAT(ToStatus(TSS2_RC_SUCCESS, "TPM2_Load"), IsOk());
  EXPECT_EQ(RcOf(absl::InternalError("x")), TSS2_RC_SUCCESS);
}

}  // namespace
}  // namespace aziot::keyd::tpm
