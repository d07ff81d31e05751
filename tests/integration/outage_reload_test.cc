// Configuration that is garbage, half written or of the wrong type while identityd runs: the last good one
// stays, and the log says which file, line and key.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "common/files/files.h"
#include "tests/integration/scripted_device.h"

namespace aziot::tests {
namespace {

using ::testing::HasSubstr;

constexpr uid_t kNew = 64070;

class OutageReload : public ::testing::Test {
 protected:
  void SetUp() override {
    device_.suite().StartKeyd();
    device_.StartIdentityd();
    device_.AwaitReconciled();
    known_ = device_.KnownAs();
    ASSERT_NE(known_, "");
  }
  std::string PathOf(const std::string& name) {
    return device_.suite().root().Join(absl::StrCat("etc/aziot/identityd/", name));
  }
  // What the log says from now on.
  std::string NewLog() { return device_.suite().identityd().Log().substr(seen_); }
  void Mark() { seen_ = device_.suite().identityd().Log().size(); }
  void ExpectRefused(const std::string& text) {
    EXPECT_TRUE(Eventually([&] {
      const std::string log = NewLog();
      return log.find("new config failed to parse") != std::string::npos &&
             log.find(text) != std::string::npos;
    })) << text
        << "\n"
        << NewLog();
    EXPECT_EQ(device_.KnownAs(), known_);
    EXPECT_EQ(device_.Device().status, 200);
    EXPECT_TRUE(device_.suite().identityd().Runs());
    Mark();
  }
  void ExpectAppliedAgain() {
    device_.WriteDropIn("new.toml", ScriptedDevice::ModulePrincipal(kNew, "new"));
    EXPECT_TRUE(Eventually([&] { return device_.KnownAs(kNew) != ""; })) << NewLog();
    EXPECT_EQ(device_.KnownAs(), known_);
  }

  ScriptedCloud cloud_;
  ScriptedDevice device_{cloud_};
  std::string known_;
  size_t seen_ = 0;
};

TEST_F(OutageReload, GarbageChangesNothing) {
  const struct {
    const char* name;
    const char* toml;
    const char* text;
  } kCases[] = {
      {"half written", "[[principal]]\nuid = 64070\nname = \"ne", "config.d/new.toml:3:"},
      {"no TOML", "\x7f\x45\x4c\x46\x02\x01", "config.d/new.toml:1:"},
      {"wrong type", "[[principal]]\nuid = \"64070\"\nname = \"new\"\n", "config.d/new.toml:2: principal["},
      {"missing", "[[principal]]\nuid = 64070\n", "].name: missing"},
      {"too large", "[[principal]]\nuid = 4294967296\nname = \"new\"\n", "config.d/new.toml:2: principal["},
      {"unknown word", "[[principal]]\nuid = 64070\nname = \"new\"\nidtype = [\"root\"]\n",
       "idtype \"root\""},
      {"twice", "[[principal]]\nuid = 64070\nname = \"agent\"\n", "duplicate module name: agent"},
      {"short time", "cloud_timeout_sec = 1\n", "cloud_timeout_sec must be at least 70 seconds"},
      {"no such source", "[provisioning]\nsource = \"cloud\"\n", "provisioning.source = \"cloud\""},
      {"missing setting", "[provisioning]\nsource = \"manual\"\n", "provisioning."},
  };
  Mark();
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.name);
    device_.WriteDropIn("new.toml", c.toml);
    ExpectRefused(c.text);
  }
  ExpectAppliedAgain();
}

TEST_F(OutageReload, ADirectoryForTheFileChangesNothing) {
  const std::string file = PathOf("config.toml");
  const std::string text = files::Read(file).value_or("");
  Mark();
  ASSERT_EQ(unlink(file.c_str()), 0);
  ASSERT_TRUE(std::filesystem::create_directory(file));
  ExpectRefused("could not read config from");
  ASSERT_TRUE(std::filesystem::remove(file));
  ASSERT_TRUE(files::Replace(file, text, 0644).ok());
  ExpectAppliedAgain();
}

TEST_F(OutageReload, AFileThatIsGoneChangesNothing) {
  const std::string file = PathOf("config.toml");
  const std::string text = files::Read(file).value_or("");
  Mark();
  ASSERT_EQ(unlink(file.c_str()), 0);
  ExpectRefused("hostname: missing");
  // An editor that writes in place: empty first.
  ASSERT_TRUE(files::Replace(file, "", 0644).ok());
  ExpectRefused("hostname: missing");
  ASSERT_TRUE(files::Replace(file, text, 0644).ok());
  ExpectAppliedAgain();
}

TEST_F(OutageReload, WhatNeedsARestartIsNamed) {
  Mark();
  device_.WriteDropIn("new.toml", "max_requests = 3\n[limits]\nbody_bytes = 70000\n");
  EXPECT_TRUE(Eventually([&] {
    return NewLog().find("only after a restart of aziot-identityd: max_requests, [limits]") !=
           std::string::npos;
  })) << NewLog();
  ExpectAppliedAgain();
}

// What is kept is the configuration of the running process; one that starts has none.
TEST_F(OutageReload, AtAStartGarbageIsFatal) {
  device_.WriteDropIn("new.toml", "[[principal]]\nuid = 64070\nname = \"ne");
  device_.suite().identityd().Stop(SIGTERM);
  Mark();
  device_.StartIdentityd();
  ASSERT_TRUE(Eventually([&] { return !device_.suite().identityd().Runs(); }));
  EXPECT_THAT(NewLog(), HasSubstr("config.d/new.toml:3:"));
}

}  // namespace
}  // namespace aziot::tests
