#include "provisiond/lifecycle/allocation.h"

#include <gtest/gtest.h>

#include <map>

#include "provisiond/lifecycle/device_state.h"
#include "provisiond/testing/cloud.h"

namespace aziot::provisiond {
namespace {

TEST(Allocation, RendezvousIsStableWhenAHubGoes) {
  std::vector<store::Hub> hubs = {{"1", "hub1", 1, true}, {"2", "hub2", 1, true}, {"3", "hub3", 2, true}};
  const std::vector<const store::Hub*> all = {&hubs[0], &hubs[1], &hubs[2]};
  const std::vector<const store::Hub*> without = {&hubs[0], &hubs[2]};
  std::map<std::string, int> counts;
  for (int i = 0; i < 4000; ++i) {
    const std::string id = absl::StrCat("device-", i);
    const store::Hub* hub = Rendezvous(id, all);
    ++counts[hub->host_name];
    if (hub->host_name == "hub2") continue;
    EXPECT_EQ(Rendezvous(id, without), hub);
  }
  EXPECT_NEAR(counts["hub1"], 1000, 150);
  EXPECT_NEAR(counts["hub3"], 2000, 150);
}

struct MoveCase {
  const char* name;
  bool known, same, update, migrate;
  const char* substatus;
};
class MoveTable : public ::testing::TestWithParam<MoveCase> {};
TEST_P(MoveTable, GivesTheSubstatus) {
  const store::Hub a{"a", "a", 1, true}, b{"b", "b", 1, true};
  const MoveCase& c = GetParam();
  EXPECT_EQ(SubstatusOf(DecideMove(c.known ? &a : nullptr, c.same ? a : b, {c.update, c.migrate})),
            c.substatus);
}
INSTANTIATE_TEST_SUITE_P(
    All, MoveTable,
    ::testing::Values(MoveCase{"First", false, false, true, true, "initialAssignment"},
                      MoveCase{"Same", true, true, true, true, "reprovisionedToInitialAssignment"},
                      MoveCase{"Migrated", true, false, true, true, "deviceDataMigrated"},
                      MoveCase{"Reset", true, false, true, false, "deviceDataReset"},
                      MoveCase{"Stays", true, false, false, true, "reprovisionedToInitialAssignment"}),
    [](const auto& info) { return std::string(info.param.name); });

class MoveBetweenHubs : public ::testing::Test {
 protected:
  // Registers d1 at hub1, gives it a twin, points its entry at hub2 and registers again.
  Json MoveWith(const std::optional<std::string>& policy, absl::string_view api_version) {
    Put("hub1", policy);
    EXPECT_EQ(cloud_.Provision("d1", key_)["registrationState"]["assignedHub"], "hub1:8443");
    const auto device = cloud_.registry.GetDevice(cloud_.hubs->ByName("hub1")->id, "d1");
    EXPECT_TRUE(
        cloud_.twins
            .Change(device->id, TwinChange::kPatch, {{"tags", {{"a", 1}}}}, std::nullopt, "d1", actor_)
            .ok());
    Put("hub2", policy);
    return cloud_.Provision("d1", key_, api_version)["registrationState"];
  }
  void Put(const char* hub, const std::optional<std::string>& policy) {
    EnrollmentWish wish;
    wish.entry.name = "d1";
    wish.entry.attestation = "symmetricKey";
    wish.entry.allocation_policy = "static";
    wish.entry.hub_host = hub;
    wish.entry.reprovision = policy;
    wish.keys.primary = *ParseKey(key_);
    ASSERT_TRUE(cloud_.enrollments
                    .Put(store::EnrollmentKind::kIndividual, std::move(wish), PutMode::kCreateOrUpdate,
                         std::nullopt, actor_)
                    .ok());
  }
  std::string TagsAt(const char* hub) {
    const auto device = cloud_.registry.GetDevice(cloud_.hubs->ByName(hub)->id, "d1");
    return device.ok() ? cloud_.twins.Get(device->id)->tags : "no device";
  }

  const std::string key_ = FormatBase64(Bytes(32, 0x11));
  const Actor actor_{"test", ""};
  testing::TempDir directory_;
  Cloud cloud_{directory_.path(), {{"hub1", 1}, {"hub2", 1}}};
};

TEST_F(MoveBetweenHubs, MigratesByDefault) {
  const Json state = MoveWith(std::nullopt, "2021-06-01");
  EXPECT_EQ(state["substatus"], "deviceDataMigrated") << state;
  EXPECT_EQ(TagsAt("hub1"), "no device");
  EXPECT_EQ(TagsAt("hub2"), R"({"a":1})");
}

TEST_F(MoveBetweenHubs, ResetsWhenToldTo) {
  const Json state = MoveWith(R"({"updateHubAssignment":true,"migrateDeviceData":false})", "2021-06-01");
  EXPECT_EQ(state["substatus"], "deviceDataReset");
  EXPECT_EQ(TagsAt("hub2"), "{}");
}

TEST_F(MoveBetweenHubs, StaysWhenToldToOrForOldClients) {
  EXPECT_EQ(MoveWith(R"({"updateHubAssignment":false})", "2021-06-01")["assignedHub"], "hub1:8443");
}

TEST_F(MoveBetweenHubs, OldApiVersionsStayWithoutAPolicy) {
  EXPECT_EQ(MoveWith(std::nullopt, "2018-04-01")["assignedHub"], "hub1:8443");
  EXPECT_EQ(TagsAt("hub1"), R"({"a":1})");
}

TEST(DeviceState, AllowsOnlyTheTransitionsOfTheTable) {
  EXPECT_EQ(*NextState(kProvisioned, Event::kDisable), kDisabled);
  EXPECT_EQ(*NextState(kDisabled, Event::kDisable), kDisabled);
  EXPECT_EQ(*NextState(kDisabled, Event::kEnable), kProvisioned);
  EXPECT_EQ(*NextState(kRevoked, Event::kReprovision), kProvisioned);
  EXPECT_FALSE(NextState(kRevoked, Event::kEnable).ok());
  EXPECT_FALSE(NextState(kDisabled, Event::kProvision).ok());
  EXPECT_FALSE(NextState(kProvisioned, Event::kReprovision).ok());
}

}  // namespace
}  // namespace aziot::provisiond
