// State as release 1.6 of the reference leaves it in `homedir`, opened by ours; and what ours leaves there,
// read the way the reference reads it after a rollback.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/config/config.h"
#include "common/files/files.h"
#include "common/testing/manual_clock.h"
#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"
#include "identityd/attestation/testing/fake_key_service.h"
#include "identityd/config.h"
#include "identityd/device/device_store.h"
#include "identityd/modules/fake_hub_registry.h"
#include "identityd/modules/module_identities.h"
#include "identityd/modules/reconciler.h"

namespace aziot::identityd {
namespace {

using ::testing::ElementsAre;
using testing::IsOk;
using ::testing::UnorderedElementsAre;

constexpr char kDirectory[] =
    "modules/aaa9402664f1a41f40ebbc52c9993eb66aeb366602958fdfaa283b71e64db123-"
    "18ac3e7343f016890c510e93f935261169d9e3f565436429830faf0934f4f8e4";
constexpr char kEdgeAgentFile[] =
    "edgeAgent-5ba97f29eeaf1ede50f792fcb138819f78bcd25e146340ba8ffdfcb9bb2d73e7";
constexpr char kEdgeAgent[] =
    R"({"moduleId":"$edgeAgent","managedBy":"IotEdge","deviceId":"d","generationId":"637"})";
constexpr char kDeviceInfo[] = "hub_name = \"h\"\nlocal_gateway_hostname = \"h\"\ndevice_id = \"d\"\n";
constexpr char kPrevState[] = R"(hostname = "my-device"
homedir = "/var/lib/aziot/identityd"
max_requests = 10
prefer_module_identity_cache = false
cloud_timeout_sec = 70
cloud_retries = 1

[[principal]]
uid = 1000
name = "agent"
idtype = ["module"]

[[principal]]
uid = 1001
name = "aziot-edge"

[[principal]]
uid = 1002
name = "server"
idtype = ["local"]

[principal.localid]
type = "x509"
attributes = "server"

[provisioning]
source = "dps"
global_endpoint = "https://global.azure-devices-provisioning.net/"
scope_id = "0ne00ABCDEF"

[provisioning.attestation]
method = "symmetric_key"
registration_id = "d"
symmetric_key = "device-id"

[localid]
domain = "example.com"
)";

class UpgradeTest : public ::testing::Test {
 protected:
  UpgradeTest() {
    EXPECT_THAT(files::MakeDirectory(dir_.Join("modules"), 0700), IsOk());
    EXPECT_THAT(files::MakeDirectory(dir_.Join(kDirectory), 0700), IsOk());
    Write("device_info", kDeviceInfo);
    Write("prev_state", kPrevState);
    Write(absl::StrCat(kDirectory, "/", kEdgeAgentFile), kEdgeAgent);
    Write(absl::StrCat(kDirectory, "/", ModuleFileName("agent")),
          R"({"moduleId":"agent","deviceId":"d","generationId":"638"})");
  }
  void Write(absl::string_view name, absl::string_view text) {
    ASSERT_THAT(files::Replace(dir_.Join(name), text, 0600), IsOk());
  }
  std::string Read(absl::string_view name) { return files::Read(dir_.Join(name)).value_or("none"); }

  const testing::TempDir dir_;
  FakeKeyService keyd_;
  FakeHubRegistry hub_;
  ModuleKeys keys_{keyd_};
  IdentityChanges changes_;
  testing::ManualClock clock_;
};

TEST_F(UpgradeTest, WhatTheReferenceLeftIsTheDeviceAndItsModules) {
  DeviceStore store(dir_.path());
  ASSERT_THAT(store.Open(), IsOk());
  const auto saved = store.Load();
  ASSERT_TRUE(saved);
  EXPECT_EQ(saved->device.hub_name, "h");
  EXPECT_EQ(saved->device.gateway_host, "h");
  EXPECT_EQ(saved->device.device_id, "d");
  EXPECT_TRUE(saved->Fits("whatever the settings are")) << "the reference keeps no fingerprint";
  EXPECT_THAT(ParsePreviousModules(store.LoadSettings().value_or("")), ElementsAre("agent"));

  hub_.Fail(FakeHubRegistry::Away());
  ModuleBackups backups(dir_.path());
  ModuleIdentities modules(hub_, keys_, backups, changes_, clock_);
  modules.Adopt(saved->device);
  const auto edge_agent = modules.Get(saved->device, "$edgeAgent");
  ASSERT_THAT(edge_agent, IsOk());
  EXPECT_EQ(edge_agent->generation_id, "637");
  EXPECT_EQ(edge_agent->managed_by, "IotEdge");
  EXPECT_EQ(modules.List(saved->device)->size(), 2u);
}

TEST_F(UpgradeTest, TheFirstPassLeavesTheReferencesModulesAsTheyAre) {
  DeviceStore store(dir_.path());
  ASSERT_THAT(store.Open(), IsOk());
  const DeviceIdentity device = store.Load()->device;
  const auto put = [this](const std::string& id, const std::string& generation) {
    hub_.Put(id, generation);
    hub_.Edit(id, [](Module& module) { module.device_id = "d"; });
  };
  put("agent", "638");
  put("$edgeAgent", "637");
  ModuleBackups backups(dir_.path());
  ModuleIdentities modules(hub_, keys_, backups, changes_, clock_);
  modules.Adopt(device);
  const std::set<std::string> previous = ParsePreviousModules(*store.LoadSettings());
  ASSERT_THAT(Reconciler(modules, keys_)
                  .Run(device, {.wanted = {"agent"}, .previous = previous, .verify_keys = false}),
              IsOk());
  EXPECT_EQ(hub_.updates(), 0);
  EXPECT_EQ(hub_.modules().at("agent").generation_id, "638");
  // Its principal was made by the reference, so it goes with it; the other one never had one.
  ASSERT_THAT(
      Reconciler(modules, keys_).Run(device, {.wanted = {}, .previous = previous, .verify_keys = false}),
      IsOk());
  EXPECT_FALSE(hub_.modules().contains("agent"));
  EXPECT_TRUE(hub_.modules().contains("$edgeAgent"));
}

TEST_F(UpgradeTest, WhatOursLeavesIsInTheReferencesForm) {
  DeviceStore store(dir_.path());
  ASSERT_THAT(store.Open(), IsOk());
  const DeviceIdentity device = store.Load()->device;
  const auto config = LoadConfigText("config.toml", kPrevState);
  ASSERT_THAT(config, IsOk());
  ASSERT_THAT(store.Save(device, "dps", {.trust_bundle = "pem", .payload = "{}"}), IsOk());
  ASSERT_THAT(store.SaveSettings(FormatSettings(config->options)), IsOk());
  EXPECT_EQ(Read("device_info"), kDeviceInfo);

  // All that the reference wrote is there with the same values, and nothing that it does not know.
  config::v1::Identityd expected, written;
  ASSERT_THAT(config::LoadText("expected", kPrevState, expected), IsOk());
  const auto warnings = config::LoadText("written", Read("prev_state"), written);
  ASSERT_THAT(warnings, IsOk());
  EXPECT_TRUE(warnings->empty());
  EXPECT_EQ(written.SerializeAsString(), expected.SerializeAsString()) << Read("prev_state");

  hub_.Put("$edgeAgent", "637");
  hub_.Edit("$edgeAgent", [](Module& module) {
    module.device_id = "d";
    module.managed_by = "IotEdge";
  });
  hub_.Put("other", "1");
  hub_.Edit("other", [](Module& module) {
    module.device_id = "d";
    module.generation_id.reset();
  });
  ModuleBackups backups(dir_.path());
  ModuleIdentities modules(hub_, keys_, backups, changes_, clock_);
  modules.Adopt(device);
  ASSERT_THAT(modules.Fetch(device), IsOk());
  EXPECT_EQ(Read(absl::StrCat(kDirectory, "/", kEdgeAgentFile)), kEdgeAgent);
  EXPECT_EQ(Read(absl::StrCat(kDirectory, "/", ModuleFileName("other"))),
            R"({"moduleId":"other","deviceId":"d"})");
  // The reference reads every file of the directory and fails the list over one that is no module.
  const auto names = files::List(dir_.Join(kDirectory));
  ASSERT_THAT(names, IsOk());
  EXPECT_THAT(*names, UnorderedElementsAre(kEdgeAgentFile, ModuleFileName("other")));
  EXPECT_THAT(*files::List(dir_.Join("modules")), ElementsAre(std::string(kDirectory).substr(8)));
}

TEST_F(UpgradeTest, DamageCostsNoMoreThanWhatItHit) {
  Write("prev_state", "hostname = \"my-dev");
  Write(absl::StrCat(kDirectory, "/", kEdgeAgentFile), "{\"moduleId\":\"$edgeAgent\",\"devi");
  DeviceStore store(dir_.path());
  ASSERT_THAT(store.Open(), IsOk());
  EXPECT_TRUE(ParsePreviousModules(*store.LoadSettings()).empty());
  hub_.Fail(FakeHubRegistry::Away());
  ModuleBackups backups(dir_.path());
  ModuleIdentities modules(hub_, keys_, backups, changes_, clock_);
  modules.Adopt(store.Load()->device);
  EXPECT_EQ(modules.List(store.Load()->device)->size(), 1u);
  Write("device_info", "hub_name = \"h\"\nlocal_gate");
  EXPECT_FALSE(store.Load());
  Write("device_info", "unprovisioned");
  EXPECT_FALSE(store.Load());
}

}  // namespace
}  // namespace aziot::identityd
