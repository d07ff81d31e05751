// Power is lost at every point of identityd's writes, and of a switch of certificate and key that two daemons
// carry out together.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/core_names.h>

#include "absl/strings/str_cat.h"
#include "common/files/files.h"
#include "common/openssl/certificate.h"
#include "identityd/device/device_store.h"
#include "identityd/modules/module_backups.h"
#include "tests/faults/disk_model.h"
#include "tests/faults/injector.h"
#include "tests/faults/sample_state.h"
#include "tests/faults/victim.h"
#include "tests/faults/worlds.h"
#include "tests/support/run_command.h"

namespace aziot::tests::faults {
namespace {

using identityd::DeviceStore;
using identityd::ModuleBackups;
using ::testing::AnyOf;

// The writer, preloaded when there is an injector.
Output RunWriter(const std::string& arguments, const Injector* injector = nullptr) {
  std::string command;
  if (injector != nullptr) {
    for (const auto& [name, value] : injector->Environment())
      absl::StrAppend(&command, name, "=", value, " ");
  }
  return RunCommand(absl::StrCat(command, BuildDir(), "/test/faults_state_writer ", arguments, " 2>&1"));
}

class IdentitydStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    DeviceStore store(home_);
    ASSERT_TRUE(store.Open().ok());
    ASSERT_TRUE(store.Save(OldDevice(), kOldSettings, {.trust_bundle = "old bundle", .payload = "1"}).ok());
    ASSERT_TRUE(store.SaveSettings(kOldSettings).ok());
    ModuleBackups backups(home_);
    backups.Use(OldDevice());
    backups.Save(OldModule("there"));
    backups.Save(OldModule("bystander"));
    ASSERT_TRUE(backups.BeginRecord({OldModule("there")}).ok());
  }

  // All that identityd reads at its start.
  World See() const {
    World world;
    DeviceStore store(home_);
    EXPECT_TRUE(store.Open().ok());
    const auto saved = store.Load();
    world["device"] = saved.has_value() ? saved->device.hub_name + " " + saved->device.device_id : "absent";
    world["settings"] = store.LoadSettings().value_or("absent");
    ModuleBackups backups(home_);
    backups.Use(OldDevice());
    for (const identityd::Module& module : backups.All()) {
      world["module " + module.module_id] = absl::StrCat(*module.generation_id, *module.managed_by);
    }
    for (const char* id : {"there", "new"}) {
      world[absl::StrCat("created ", id)] = backups.CreatedGeneration(id).value_or("absent");
    }
    return world;
  }

  // `look` is called on each disk that a crash during the write may leave.
  void Try(const std::string& what,
           const std::function<void(const World& before, const World& after)>& look) {
    SCOPED_TRACE(what);
    const Disk disk_before = ReadDisk(home_);
    const World before = See();
    Output output;
    const auto calls = injector_.Record([&] { output = RunWriter(what + " " + home_, &injector_); });
    ASSERT_EQ(output.status, 0) << output.text;
    const World after = See();
    ASSERT_NE(before, after);
    const CrashStates states = StatesOf(disk_before, calls, home_);
    for (const Disk& disk : states.during) {
      WriteDisk(disk, home_);
      look(before, states.after.contains(disk) ? World() : after);
      if (states.after.contains(disk)) {
        EXPECT_EQ(FormatWorld(See()), FormatWorld(after)) << "what was written is lost";
      }
    }
    EXPECT_GE(states.during.size(), 2u);
    WriteDisk(disk_before, home_);
  }
  void OldOrNew(const std::string& what) {
    Try(what, [&](const World& before, const World& after) {
      if (after.empty()) return;
      EXPECT_THAT(FormatWorld(See()), AnyOf(FormatWorld(before), FormatWorld(after)));
    });
  }

  TempRoot root_;
  const std::string home_ = root_.Join("var/lib/aziot/identityd");
  Injector injector_{root_.Join("faults"), root_.Join("var/lib/aziot")};
};

TEST_F(IdentitydStoreTest, FilesAreOldOrNew) {
  OldOrNew("settings");
  OldOrNew("module");
  OldOrNew("new-module");
  OldOrNew("remove-module");
  OldOrNew("note");
}

// Several files make a device: what is read as the device of the new settings must be theirs, with what came
// along. The old device beside something new is asked for again, because it does not fit the settings.
TEST_F(IdentitydStoreTest, ADeviceThatFitsTheNewSettingsIsTheNewDeviceWithAllThatCameWithIt) {
  Try("device", [&](const World& before, const World&) {
    const DeviceStore store(home_);
    const auto saved = store.Load();
    ASSERT_TRUE(saved.has_value());
    if (saved->device.hub_name == "old.hub") {
      EXPECT_EQ(See(), before);
      EXPECT_FALSE(saved->Fits(kNewSettings));
      return;
    }
    EXPECT_EQ(saved->device.device_id, "new-device");
    EXPECT_TRUE(saved->Fits(kNewSettings));
    EXPECT_EQ(store.LoadExtras().trust_bundle, "new");
    EXPECT_EQ(store.LoadExtras().payload, "2");
  });
}

class PairSwitchCrashTest : public ::testing::Test {
 protected:
  // A self-signed certificate over the pair `id` of keyd, made by the openssl command through the provider.
  std::string CertificateOf(const std::string& id) {
    const http::Response got = keyd_.Ask("GET", absl::StrCat("/keypair/", id, "?api-version=2021-05-01"));
    const Output output = RunCommand(absl::StrCat(
        "openssl req -new -x509 -batch -provider-path ", BuildDir(),
        "/lib/ossl-modules -provider default -provider aziot_keys -key 'aziot:", Member(got, "keyHandle"),
        ";socket=", socket_, "' -subj /CN=est-id 2>&1"));
    EXPECT_EQ(output.status, 0) << output.text;
    return output.text.substr(output.text.find("-----BEGIN"));
  }
  World See() const {
    World world = SeeKeyd(keyd_, {}, {"est-id", "est-id-temp"});
    world["certificate"] = files::Read(file_).value_or("absent");
    world["waiting"] = files::Read(file_ + ".new").value_or("absent");
    return world;
  }

  TempRoot root_;
  const std::string socket_ = root_.Join("run/aziot/keyd.sock");
  const std::string state_ = root_.Join("var/lib/aziot");
  const std::string file_ = root_.Join("var/lib/aziot/certd/est-id.cer");
  Victim keyd_{root_, "keyd", "aziotks"};
  Injector injector_{root_.Join("faults"), state_};
};

TEST_F(PairSwitchCrashTest, CertificateAndKeyBelongTogetherAfterAnyCrash) {
  ASSERT_TRUE(files::Replace(root_.Join("etc/aziot/keyd/config.toml"),
                             absl::StrCat("[aziot_keys]\nhomedir_path = \"", keyd_.home(), "\"\n"), 0644)
                  .ok());
  ASSERT_NO_FATAL_FAILURE(keyd_.Start());
  for (const char* id : {"est-id", "est-id-temp"}) {
    ASSERT_EQ(keyd_.Ask("POST", "/keypair?api-version=2021-05-01", CreatePairBody(id)).status, 200);
  }
  ASSERT_TRUE(files::Replace(file_, CertificateOf("est-id"), 0644).ok());
  ASSERT_TRUE(files::Replace(file_ + ".fresh", CertificateOf("est-id-temp"), 0644).ok());
  keyd_.Kill();
  const Disk before = ReadDisk(state_);

  const std::string arguments = absl::StrCat(socket_, " ", file_);
  ASSERT_NO_FATAL_FAILURE(keyd_.Start(&injector_));
  const World old_world = See();
  Output output;
  const auto calls = injector_.Record([&] { output = RunWriter("switch " + arguments, &injector_); });
  ASSERT_EQ(output.status, 0) << output.text;
  World new_world = See();
  keyd_.Kill();
  ASSERT_EQ(new_world.at("est-id"), old_world.at("est-id-temp"));
  ASSERT_NE(new_world.at("certificate"), old_world.at("certificate"));

  const CrashStates states = StatesOf(before, calls, state_);
  EXPECT_GT(states.during.size(), 8u);
  for (const Disk& disk : states.during) {
    WriteDisk(disk, state_);
    ASSERT_NO_FATAL_FAILURE(keyd_.Start());
    const Output recovered = RunWriter("recover " + arguments);
    const World world = See();
    keyd_.Kill();
    ASSERT_EQ(recovered.status, 0) << recovered.text;
    if (states.after.contains(disk)) {
      ASSERT_EQ(FormatWorld(world), FormatWorld(new_world));
    } else {
      ASSERT_THAT(FormatWorld(world), AnyOf(FormatWorld(old_world), FormatWorld(new_world)));
    }
  }
}

}  // namespace
}  // namespace aziot::tests::faults
