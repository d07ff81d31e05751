#include <gtest/gtest.h>

#include "common/files/files.h"
#include "common/testing/manual_clock.h"
#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"
#include "identityd/attestation/testing/fake_key_service.h"
#include "identityd/modules/fake_hub_registry.h"
#include "identityd/modules/module_identities.h"
#include "identityd/modules/reconciler.h"

namespace aziot::identityd {
namespace {

using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;
constexpr char kMaster[] = "aziot_identityd_master_id";

Module Named(const std::string& id, const std::string& generation) {
  return {.module_id = id,
          .device_id = "dev1",
          .generation_id = generation,
          .managed_by = {},
          .etag = "",
          .keys_digest = {}};
}

TEST(ModuleKeysTest, AreTheKnownOnes) {
  FakeKeyService keyd;
  keyd.Put(kMaster, FakeKeyService::CountingKey());
  ModuleKeys keys(keyd);
  const auto pair = keys.Export(Named("m1", "637"));
  ASSERT_THAT(pair, IsOk());
  EXPECT_EQ(pair->primary.ExposeText(), "NZGro/N05Jono5k/ynkiJ/LbdxpiWtSbWKKWYC8PpfI=");
  EXPECT_EQ(pair->secondary.ExposeText(), "Rd2S4vxfLlXRFboz9m64U4GeC7+3X0dNvtAWlvP1X4M=");
}

TEST(ModuleKeysTest, AHandleIsAskedForOnceAGeneration) {
  FakeKeyService keyd;
  ModuleKeys keys(keyd);
  const auto first = keys.PrimaryHandle(Named("m1", "1"));
  ASSERT_THAT(first, IsOk());
  const int calls = keyd.calls();
  EXPECT_EQ(keys.PrimaryHandle(Named("m1", "1")), first);
  EXPECT_EQ(keyd.calls(), calls);
  EXPECT_NE(*keys.PrimaryHandle(Named("m1", "2")), *first);
  // What is registered with the hub is what agents get.
  ASSERT_THAT(keys.Export(Named("m1", "3")), IsOk());
  EXPECT_NE(keys.KnownHandle(Named("m1", "3")), "");
  ASSERT_THAT(keys.Export(Named("m2", "1")), IsOk());
  keys.KeepOnly({"m2"});
  EXPECT_EQ(keys.KnownHandle(Named("m1", "3")), "");
  EXPECT_NE(keys.KnownHandle(Named("m2", "1")), "");
}

TEST(ModuleBackupsTest, NamesAreTheKnownOnes) {
  EXPECT_EQ(DeviceDirectoryName("h", "d"),
            "aaa9402664f1a41f40ebbc52c9993eb66aeb366602958fdfaa283b71e64db123-"
            "18ac3e7343f016890c510e93f935261169d9e3f565436429830faf0934f4f8e4");
  EXPECT_EQ(ModuleFileName("$edgeAgent"),
            "edgeAgent-5ba97f29eeaf1ede50f792fcb138819f78bcd25e146340ba8ffdfcb9bb2d73e7");
}

class ModulesTest : public ::testing::Test {
 protected:
  ModulesTest() {
    keyd_.Put(kMaster, FakeKeyService::CountingKey());
    modules_.Adopt(device_);
  }
  // What a process that starts now would know.
  std::unique_ptr<ModuleIdentities> Restarted() {
    fresh_backups_ = std::make_unique<ModuleBackups>(dir_.path());
    auto modules = std::make_unique<ModuleIdentities>(hub_, keys_, *fresh_backups_, changes_, clock_);
    modules->Adopt(device_);
    return modules;
  }
  absl::Status Reconcile(ReconcileOrder order) { return Reconciler(modules_, keys_).Run(device_, order); }
  KeysDigest DerivedFor(const Module& module) {
    const auto pair = keys_.Export(module);
    return DigestKeys(pair->primary.ExposeText(), pair->secondary.ExposeText());
  }

  const testing::TempDir dir_;
  FakeKeyService keyd_;
  FakeHubRegistry hub_;
  ModuleKeys keys_{keyd_};
  ModuleBackups backups_{dir_.path()};
  std::unique_ptr<ModuleBackups> fresh_backups_;
  IdentityChanges changes_;
  testing::ManualClock clock_;
  ModuleIdentities modules_{hub_, keys_, backups_, changes_, clock_};
  const DeviceIdentity device_{
      .hub_name = "hub.example", .gateway_host = "hub.example", .device_id = "dev1", .credential = {}};
};

TEST_F(ModulesTest, CreateRegistersDerivedKeys) {
  const auto module = modules_.Create(device_, "m1", ModuleIdentities::Existing::kRefuse);
  ASSERT_THAT(module, IsOk());
  EXPECT_EQ(hub_.modules().at("m1").keys_digest, DerivedFor(*module));
  EXPECT_EQ(ReasonOf(modules_.Create(device_, "m1", ModuleIdentities::Existing::kRefuse).status()),
            Reason::kModuleExists);
}

TEST_F(ModulesTest, ADeadHubLeavesWhatWasKnown) {
  ASSERT_THAT(modules_.Create(device_, "m1", ModuleIdentities::Existing::kRefuse), IsOk());
  hub_.Fail(FakeHubRegistry::Away());
  const auto restarted = Restarted();
  const auto module = restarted->Get(device_, "m1");
  ASSERT_THAT(module, IsOk());
  EXPECT_EQ(module->generation_id, "g1");
  const auto list = restarted->List(device_);
  ASSERT_THAT(list, IsOk());
  EXPECT_EQ(list->size(), 1u);
  EXPECT_EQ(ReasonOf(restarted->Get(device_, "unknown").status()), Reason::kNetwork);
}

TEST_F(ModulesTest, SavedCopiesAreListedAtOnceAndAskedForBehind) {
  ASSERT_THAT(modules_.Create(device_, "m1", ModuleIdentities::Existing::kRefuse), IsOk());
  hub_.Put("m2", "1");
  const auto restarted = Restarted();
  EXPECT_EQ(restarted->List(device_)->size(), 1u);
  for (int i = 0; i < 500 && restarted->List(device_)->size() == 1; ++i)
    absl::SleepFor(absl::Milliseconds(10));
  EXPECT_EQ(restarted->List(device_)->size(), 2u);
}

TEST_F(ModulesTest, OldAnswersAreRefreshedBehind) {
  hub_.Put("m1", "1");
  ASSERT_THAT(modules_.Get(device_, "m1"), IsOk());
  hub_.Put("m1", "2");
  EXPECT_EQ(modules_.Get(device_, "m1")->generation_id, "1");  // young enough
  clock_.Advance(absl::Minutes(2));
  EXPECT_EQ(modules_.Get(device_, "m1")->generation_id, "1");  // old, and being asked for
  for (int i = 0; i < 500 && modules_.Known(device_, "m1")->generation_id != "2"; ++i)
    absl::SleepFor(absl::Milliseconds(10));
  EXPECT_EQ(modules_.Known(device_, "m1")->generation_id, "2");
}

TEST_F(ModulesTest, AModuleDeletedInTheCloudIsForgotten) {
  hub_.Put("m1", "1");
  ASSERT_THAT(modules_.Get(device_, "m1"), IsOk());
  hub_.Erase("m1");
  clock_.Advance(absl::Minutes(2));
  ASSERT_THAT(modules_.Get(device_, "m1"), IsOk());
  for (int i = 0; i < 500 && modules_.Known(device_, "m1"); ++i) absl::SleepFor(absl::Milliseconds(10));
  EXPECT_EQ(ReasonOf(modules_.Get(device_, "m1").status()), Reason::kModuleGone);
  EXPECT_EQ(Restarted()->Known(device_, "m1"), std::nullopt);
}

TEST_F(ModulesTest, UpdateKeepsGenerationAndManagedBy) {
  hub_.Put("m1", "1");
  hub_.Edit("m1", [](Module& module) { module.managed_by = "IotEdge"; });
  ASSERT_THAT(modules_.Update(device_, "m1"), IsOk());
  EXPECT_EQ(hub_.modules().at("m1").managed_by, "IotEdge");
  EXPECT_EQ(hub_.modules().at("m1").generation_id, "1");
}

TEST_F(ModulesTest, DeleteRemovesTheCopy) {
  ASSERT_THAT(modules_.Create(device_, "m1", ModuleIdentities::Existing::kRefuse), IsOk());
  ASSERT_THAT(modules_.Delete(device_, "m1"), IsOk());
  EXPECT_EQ(modules_.Known(device_, "m1"), std::nullopt);
  EXPECT_EQ(ReasonOf(modules_.Delete(device_, "m1")), Reason::kModuleGone);
}

TEST_F(ModulesTest, ARecreatedModuleHasAnotherHandle) {
  const auto first = modules_.Create(device_, "m1", ModuleIdentities::Existing::kRefuse);
  ASSERT_THAT(modules_.Delete(device_, "m1"), IsOk());
  const auto second = modules_.Create(device_, "m1", ModuleIdentities::Existing::kRefuse);
  ASSERT_THAT(second, IsOk());
  EXPECT_NE(*keys_.PrimaryHandle(*first), *keys_.PrimaryHandle(*second));
}

TEST_F(ModulesTest, AModuleWithoutGenerationHasNoIdentity) {
  hub_.Put("m1", "1");
  hub_.Edit("m1", [](Module& module) { module.generation_id.reset(); });
  EXPECT_THAT(modules_.Get(device_, "m1"),
              StatusIs(absl::StatusCode::kFailedPrecondition, "module identity not found"));
}

TEST_F(ModulesTest, AnotherDeviceStartsEmpty) {
  ASSERT_THAT(modules_.Create(device_, "m1", ModuleIdentities::Existing::kRefuse), IsOk());
  DeviceIdentity other = device_;
  other.device_id = "dev2";
  modules_.Adopt(other);
  EXPECT_EQ(modules_.Known(other, "m1"), std::nullopt);
  EXPECT_EQ(modules_.Known(device_, "m1"), std::nullopt);
}

TEST_F(ModulesTest, ADamagedCopyIsSkipped) {
  ASSERT_THAT(modules_.Create(device_, "m1", ModuleIdentities::Existing::kRefuse), IsOk());
  ASSERT_THAT(modules_.Create(device_, "m2", ModuleIdentities::Existing::kRefuse), IsOk());
  ASSERT_THAT(files::Replace(dir_.Join(absl::StrCat("modules/", DeviceDirectoryName("hub.example", "dev1"),
                                                    "/", ModuleFileName("m2"))),
                             "{", 0600),
              IsOk());
  const auto restarted = Restarted();
  EXPECT_NE(restarted->Known(device_, "m1"), std::nullopt);
  EXPECT_EQ(restarted->Known(device_, "m2"), std::nullopt);
}

// What becomes of one module, by where it stands: on the hub, wanted now, wanted before.
TEST_F(ModulesTest, ReconcileCreatesWhatIsMissing) {
  ASSERT_THAT(Reconcile({.wanted = {"m1"}, .previous = {}, .verify_keys = false}), IsOk());
  EXPECT_EQ(hub_.modules().at("m1").keys_digest, DerivedFor(hub_.modules().at("m1")));
}

TEST_F(ModulesTest, ReconcileUpdatesForeignKeysInPlace) {
  hub_.Put("m1", "1");
  ASSERT_THAT(Reconcile({.wanted = {"m1"}, .previous = {}, .verify_keys = false}), IsOk());
  EXPECT_EQ(hub_.modules().at("m1").generation_id, "1");
  EXPECT_EQ(hub_.modules().at("m1").keys_digest, DerivedFor(hub_.modules().at("m1")));
}

TEST_F(ModulesTest, ReconcileLeavesRightKeysAlone) {
  ASSERT_THAT(Reconcile({.wanted = {"m1"}, .previous = {}, .verify_keys = false}), IsOk());
  const int updates = hub_.updates();
  ASSERT_THAT(Reconcile({.wanted = {"m1"}, .previous = {}, .verify_keys = true}), IsOk());
  EXPECT_EQ(hub_.updates(), updates);
}

TEST_F(ModulesTest, ReconcileKeepsWhatWasWantedBefore) {
  hub_.Put("m1", "1");
  ASSERT_THAT(Reconcile({.wanted = {"m1"}, .previous = {"m1"}, .verify_keys = false}), IsOk());
  EXPECT_EQ(hub_.updates(), 0);
  ASSERT_THAT(Reconcile({.wanted = {"m1"}, .previous = {"m1"}, .verify_keys = true}), IsOk());
  EXPECT_EQ(hub_.updates(), 1);
}

TEST_F(ModulesTest, ReconcileDeletesOnlyItsOwnModules) {
  ASSERT_THAT(Reconcile({.wanted = {"ours", "replaced"}, .previous = {}, .verify_keys = false}), IsOk());
  hub_.Put("replaced", "somebody else's");
  hub_.Put("$edgeAgent", "1");
  ASSERT_THAT(Reconcile({.wanted = {}, .previous = {"ours", "replaced"}, .verify_keys = false}), IsOk());
  EXPECT_FALSE(hub_.modules().contains("ours"));
  EXPECT_TRUE(hub_.modules().contains("replaced"));
  EXPECT_TRUE(hub_.modules().contains("$edgeAgent"));
}

TEST_F(ModulesTest, ReconcileInheritsWhatUpstreamMade) {
  hub_.Put("m1", "1");
  ASSERT_THAT(Reconcile({.wanted = {}, .previous = {"m1"}, .verify_keys = false}), IsOk());
  EXPECT_TRUE(hub_.modules().empty());
}

TEST_F(ModulesTest, ReconcileNeverDeletesWhatItFound) {
  hub_.Put("m1", "1");
  ASSERT_THAT(Reconcile({.wanted = {"m1"}, .previous = {}, .verify_keys = false}), IsOk());
  ASSERT_THAT(Reconcile({.wanted = {}, .previous = {"m1"}, .verify_keys = false}), IsOk());
  EXPECT_TRUE(hub_.modules().contains("m1"));
}

TEST_F(ModulesTest, AModuleThatTheHubCannotServeDoesNotHoldUpTheRest) {
  hub_.FailFor("m0", FakeHubRegistry::Away());
  std::set<std::string> wanted;
  for (int i = 0; i < 10; ++i) wanted.insert(absl::StrCat("m", i));
  const absl::Status status = Reconcile({.wanted = wanted, .previous = {}, .verify_keys = false});
  EXPECT_EQ(ReasonOf(status), Reason::kNetwork);
  EXPECT_EQ(hub_.modules().size(), 9u);
}

TEST_F(ModulesTest, OneFailureDoesNotStopThePass) {
  hub_.FailFor("m2", Blame(Party::kHub, Reason::kOther, absl::UnknownError("quota")));
  const absl::Status status =
      Reconcile({.wanted = {"m1", "m2", "m3", "m4", "m5", "m6"}, .previous = {}, .verify_keys = false});
  EXPECT_EQ(PartyOf(status), Party::kHub);
  EXPECT_THAT(std::string(status.message()), HasSubstr("1 of 6 module identities failed: m2: quota"));
  EXPECT_EQ(hub_.modules().size(), 5u);
  hub_.FailFor("m2", absl::OkStatus());
  EXPECT_THAT(
      Reconcile({.wanted = {"m1", "m2", "m3", "m4", "m5", "m6"}, .previous = {}, .verify_keys = false}),
      IsOk());
  EXPECT_EQ(hub_.modules().size(), 6u);
}

TEST_F(ModulesTest, AModuleLeftHalfMadeIsRepaired) {
  hub_.FailFor("m1", Blame(Party::kHub, Reason::kOther, absl::UnknownError("cut")));
  EXPECT_FALSE(Reconcile({.wanted = {"m1"}, .previous = {}, .verify_keys = false}).ok());
  hub_.FailFor("m1", absl::OkStatus());
  ASSERT_THAT(hub_.Create(device_, "m1"), IsOk());
  ASSERT_THAT(Reconcile({.wanted = {"m1"}, .previous = {}, .verify_keys = false}), IsOk());
  EXPECT_EQ(hub_.modules().at("m1").keys_digest, DerivedFor(hub_.modules().at("m1")));
}

}  // namespace
}  // namespace aziot::identityd
