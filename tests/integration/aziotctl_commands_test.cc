// `config mp`, `--version`, usage, and `system` with systemctl and journalctl of the test's own, in a mount
// namespace where /run and /etc/systemd are empty.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "absl/strings/str_cat.h"
#include "common/files/files.h"
#include "common/testing/temp_dir.h"
#include "tests/support/run_command.h"

namespace aziot::tests {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kString[] = "HostName=h.example;DeviceId=d;SharedAccessKey=c2VjcmV0";

class CommandTest : public ::testing::Test {
 protected:
  std::string Program() { return BuildDir() + "/bin/aziotctl"; }
  // Standard output and error together.
  Output Run(const std::string& arguments) {
    return RunCommand(absl::StrCat(Program(), " ", arguments, " 2>&1"));
  }
  std::string Read(const std::string& name) { return files::Read(directory_.Join(name)).value_or("missing"); }

  testing::TempDir directory_;
};

TEST_F(CommandTest, VersionHelpAndUsage) {
  EXPECT_EQ(Run("--version").text, "aziotctl 1.6.0\n");
  EXPECT_EQ(Run("--version").status, 0);
  const Output help = Run("--help");
  EXPECT_EQ(help.status, 0);
  for (const char* command : {"config", "system", "check", "check-list"})
    EXPECT_THAT(help.text, HasSubstr(command));
  for (const char* wrong :
       {"", "nothing", "config", "config mp", "check -o xml", "system set-log-level loud"})
    EXPECT_EQ(Run(wrong).status, 2) << wrong;
}

TEST_F(CommandTest, MpWritesAMinimalFileThatOnlyItsOwnerReads) {
  const std::string file = directory_.Join("config.toml");
  const Output made = Run(absl::StrCat("config mp -c '", kString, "' -o ", file));
  EXPECT_EQ(made.status, 0) << made.text;
  EXPECT_THAT(made.text, HasSubstr(absl::StrCat("sudo aziotctl config apply -c '", file, "'")));
  EXPECT_THAT(made.text, Not(HasSubstr("c2VjcmV0")));
  EXPECT_EQ(Read("config.toml"), absl::StrCat("prefer_module_identity_cache = false\n\n"
                                              "[provisioning]\nsource = \"manual\"\nconnection_string = \"",
                                              kString,
                                              "\"\n\n[aziot_keys]\n\n[preloaded_keys]\n\n[cert_issuance]\n\n"
                                              "[preloaded_certs]\n\n[tpm]\n"));
  struct stat found {};
  ASSERT_EQ(stat(file.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0600u);
  EXPECT_EQ(Run("config validate -c " + file).text, file + " is valid.\n");

  const Output again = Run(absl::StrCat("config mp -c '", kString, "' -o ", file));
  EXPECT_EQ(again.status, 1);
  EXPECT_THAT(again.text, HasSubstr(file));
  EXPECT_THAT(again.text, HasSubstr("config apply"));
  EXPECT_THAT(again.text, HasSubstr("config mp --force"));
  EXPECT_EQ(
      Run(absl::StrCat("config mp --force -c 'HostName=other;DeviceId=d;SharedAccessKey=c2VjcmV0' -o ", file))
          .status,
      0);
  EXPECT_THAT(Read("config.toml"), HasSubstr("HostName=other"));
}

TEST_F(CommandTest, MpReadsTheStringFromInputOrFile) {
  ASSERT_TRUE(files::Replace(directory_.Join("cs"), absl::StrCat(kString, "\n"), 0600).ok());
  for (const std::string& from : {absl::StrCat("-c - < ", directory_.Join("cs")),
                                  absl::StrCat("--connection-string-file - < ", directory_.Join("cs")),
                                  absl::StrCat("--connection-string-file ", directory_.Join("cs"))}) {
    const Output made = Run(absl::StrCat("config mp --force -o ", directory_.Join("out"), " ", from));
    EXPECT_EQ(made.status, 0) << from << made.text;
    EXPECT_THAT(Read("out"), HasSubstr(kString));
    ASSERT_TRUE(files::Remove(directory_.Join("out")).ok());
  }
  const Output missing = Run("config mp --connection-string-file /no/such -o " + directory_.Join("out"));
  EXPECT_EQ(missing.status, 1);
  EXPECT_THAT(missing.text, HasSubstr("/no/such"));
}

TEST_F(CommandTest, MpRefusesABadStringWithoutShowingIt) {
  const Output refused =
      Run("config mp -c 'HostName=h;SharedAccessKey=c2VjcmV0' -o " + directory_.Join("out"));
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.text, HasSubstr("required parameter \"DeviceId\" is missing"));
  EXPECT_THAT(refused.text, Not(HasSubstr("c2VjcmV0")));
  const Output latin =
      Run("config mp -c 'HostName=h\xe9;DeviceId=d;SharedAccessKey=c2VjcmV0' -o " + directory_.Join("out"));
  EXPECT_EQ(latin.status, 1);
  EXPECT_THAT(latin.text, HasSubstr("not UTF-8"));
  EXPECT_FALSE(files::Exists(directory_.Join("out")));
}

TEST_F(CommandTest, ErrorsShowTheirCauses) {
  ASSERT_TRUE(files::MakeDirectory(directory_.Join("dir"), 0755).ok());
  const Output output = Run("config validate -c " + directory_.Join("dir"));
  EXPECT_EQ(output.status, 1);
  EXPECT_THAT(output.text,
              HasSubstr("could not read config from " + directory_.Join("dir") + "\n\nCaused by:\n    "));
}

class SystemTest : public CommandTest {
 protected:
  void SetUp() override {
    Script("systemctl",
           "echo systemctl $* >>DIR/calls\n"
           "case \"$*\" in\n"
           "  'is-active '*) cat DIR/state/$2 2>/dev/null || { echo inactive; exit 3; } ;;\n"
           "  'show '*) cat DIR/loadstate 2>/dev/null || echo loaded ;;\n"
           "  *) if [ -e DIR/fails ] && grep -q \"$2\" DIR/fails; then echo \"Job for $2 failed.\" >&2; exit "
           "1; fi ;;\n"
           "esac\n");
    Script("journalctl", "echo journalctl $* >>DIR/calls\necho \"journal of $*\"\n");
    ASSERT_TRUE(files::MakeDirectory(directory_.Join("state"), 0755).ok());
    if (RunCommand("unshare -m true 2>/dev/null").status != 0) GTEST_SKIP() << "no mount namespaces here";
  }
  void Script(const std::string& name, std::string body) {
    for (size_t at; (at = body.find("DIR")) != std::string::npos;) body.replace(at, 3, directory_.path());
    ASSERT_TRUE(files::Replace(directory_.Join(name), "#!/bin/sh\n" + body, 0755).ok());
  }
  void Put(const std::string& name, const std::string& text) {
    ASSERT_TRUE(files::Replace(directory_.Join(name), text, 0644).ok());
  }
  void AllActive() {
    for (const char* daemon : {"keyd", "certd", "identityd", "tpmd"}) {
      Put(absl::StrCat("state/aziot-", daemon, ".socket"), "active\n");
      Put(absl::StrCat("state/aziot-", daemon, ".service"), "active\n");
    }
  }
  // `after` runs in the same namespace.
  Output System(const std::string& arguments, const std::string& after = "true") {
    return RunCommand(
        absl::StrCat("unshare -m sh -c 'mount -t tmpfs none /run && mkdir -p /run/systemd/system && mkdir -p "
                     "/etc/systemd/system && "
                     "mount -t tmpfs none /etc/systemd/system && PATH=",
                     directory_.path(), ":$PATH && ", Program(), " system ", arguments, "; status=$?; ",
                     after, "; exit $status' 2>&1"));
  }
};

TEST_F(SystemTest, RestartStopsAllAndStartsSocketsAndIdentityd) {
  const Output output = System("restart");
  EXPECT_EQ(output.status, 0) << output.text;
  EXPECT_EQ(output.text,
            "Stopping aziot-identityd.service...Stopped!\nStopping aziot-keyd.service...Stopped!\n"
            "Stopping aziot-certd.service...Stopped!\nStopping aziot-tpmd.service...Stopped!\n"
            "Starting aziot-identityd.socket...Started!\nStarting aziot-keyd.socket...Started!\n"
            "Starting aziot-certd.socket...Started!\nStarting aziot-tpmd.socket...Started!\n"
            "Starting aziot-identityd.service...Started!\n");
  EXPECT_THAT(Read("calls"), HasSubstr("systemctl stop aziot-identityd.service\n"));
  EXPECT_THAT(Read("calls"), HasSubstr("systemctl start aziot-tpmd.socket\n"));
}

TEST_F(SystemTest, AFailureIsShownAndTheRestGoesOn) {
  Put("fails", "aziot-keyd.socket\n");
  const Output output = System("restart");
  EXPECT_EQ(output.status, 1);
  EXPECT_THAT(output.text, HasSubstr("Job for aziot-keyd.socket failed."));
  EXPECT_THAT(output.text, HasSubstr("Starting aziot-identityd.service...Started!\n"));
}

TEST_F(SystemTest, WithoutATpmServiceItIsLeftOut) {
  Put("loadstate", "not-found\n");
  const Output output = System("stop");
  EXPECT_EQ(output.status, 0) << output.text;
  EXPECT_EQ(output.text,
            "Stopping aziot-identityd.service...Stopped!\nStopping aziot-keyd.service...Stopped!\n"
            "Stopping aziot-certd.service...Stopped!\n");
}

TEST_F(SystemTest, StatusTellsOfEachService) {
  AllActive();
  Put("state/aziot-certd.service", "inactive\n");
  const Output well = System("status");
  EXPECT_EQ(well.status, 0) << well.text;
  EXPECT_THAT(well.text, StartsWith("System services:\n"
                                    "    aziot-identityd         Running\n"
                                    "    aziot-keyd              Running\n"
                                    "    aziot-certd             Ready\n"
                                    "    aziot-tpmd              Running\n"));
  EXPECT_THAT(well.text, HasSubstr("aziotctl system logs"));
  EXPECT_THAT(well.text, HasSubstr("aziotctl check"));

  Put("state/aziot-keyd.socket", "inactive\n");
  Put("state/aziot-certd.service", "failed\n");
  const Output bad = System("status");
  EXPECT_EQ(bad.status, 1);
  EXPECT_THAT(bad.text, HasSubstr("    aziot-keyd              Down - socket error\n"));
  EXPECT_THAT(bad.text, HasSubstr("    aziot-certd             Down - failed\n"));
  EXPECT_THAT(bad.text, HasSubstr("journal of -u aziot-keyd.socket -n 10 --no-pager\n"));
  EXPECT_THAT(bad.text, HasSubstr("journal of -u aziot-certd.service -n 10 --no-pager\n"));
  EXPECT_THAT(bad.text, Not(HasSubstr("journal of -u aziot-certd.socket")));
  EXPECT_THAT(bad.text, Not(HasSubstr("journal of -u aziot-identityd")));
}

TEST_F(SystemTest, LogsPassArgumentsOn) {
  const std::string units = "journal of -u aziot-identityd -u aziot-keyd -u aziot-certd -u aziot-tpmd ";
  EXPECT_EQ(System("logs").text, units + "-e --no-pager\n");
  EXPECT_EQ(System("logs -- -n 5 --since today").text, units + "-n 5 --since today\n");
}

TEST_F(SystemTest, LogLevelIsADropInOfEachService) {
  const Output output = System("set-log-level debug",
                               "cat /etc/systemd/system/aziot-*.service.d/log-level.conf; stat -c %a%U "
                               "/etc/systemd/system/aziot-keyd.service.d/log-level.conf");
  EXPECT_EQ(output.status, 0) << output.text;
  EXPECT_THAT(output.text, HasSubstr("aziotctl system restart"));
  const std::string file = "[Service]\nEnvironment=AZIOT_LOG=DEBUG\n";
  EXPECT_THAT(output.text, HasSubstr(file + file + file + file + "644root\n"));
  EXPECT_THAT(Read("calls"), HasSubstr("systemctl daemon-reload\n"));
}

}  // namespace
}  // namespace aziot::tests
