#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "aziotctl/checks/checks.h"
#include "aziotctl/checks/context.h"
#include "common/files/files.h"
#include "common/testing/temp_dir.h"

namespace aziot::ctl {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Kind = Result::Kind;

class WellFormedTest : public ::testing::Test {
 protected:
  WellFormedTest() { context_.root = directory_.path(); }

  void Write(const std::string& path, const std::string& text) {
    const std::string full = directory_.Join(path);
    ASSERT_TRUE(files::MakeDirectory(full.substr(0, full.rfind('/')), 0755).ok());
    ASSERT_TRUE(files::Replace(full, text, 0600).ok());
  }
  Result Run(Result (*check)(CheckContext&, nlohmann::json&)) {
    nlohmann::json info;
    return check(context_, info);
  }
  static std::string Text(const Result& result) { return absl::StrJoin(result.details, "\n"); }
  Result Identityd(const std::string& text) {
    Write("etc/aziot/identityd/config.d/00-super.toml",
          absl::StrCat("hostname = 'h'\nhomedir = '", directory_.Join("home"), "'\n", text));
    return Run(IdentitydConfigWellFormed);
  }

  testing::TempDir directory_;
  CheckContext context_;
};

constexpr char kManual[] =
    "[provisioning]\nsource='manual'\niothub_hostname='h'\ndevice_id='d'\n"
    "authentication={method='sas',device_id_pk='device-id'}\n";

TEST_F(WellFormedTest, ReadsFileAndDirectory) {
  Write("etc/aziot/keyd/config.toml", "max_requests = 3\n");
  Write("etc/aziot/keyd/config.d/00-super.toml", "[aziot_keys]\nhomedir_path = 'x'\n");
  EXPECT_EQ(Run(KeydConfigWellFormed).kind, Kind::kOk);
  ASSERT_TRUE(context_.keyd.has_value());
  EXPECT_EQ(context_.keyd->max_requests(), 3u);
  Write("etc/aziot/tpmd/config.d/00-super.toml", "tcti = [115, 119]\n");
  EXPECT_EQ(Run(TpmdConfigWellFormed).kind, Kind::kOk);
  EXPECT_EQ(context_.tpmd->tcti(), "sw");
  Write("etc/aziot/tpmd/config.d/01.toml", "auth_key_index = 1\n");
  EXPECT_EQ(Run(TpmdConfigWellFormed).kind, Kind::kError);
}

TEST_F(WellFormedTest, ErrorsNameFileAndCause) {
  Write("etc/aziot/certd/config.d/00-super.toml", "homedir_path = 7\n");
  const Result result = Run(CertdConfigWellFormed);
  EXPECT_EQ(result.kind, Kind::kError);
  EXPECT_THAT(Text(result), HasSubstr("00-super.toml:1: homedir_path: expected a string"));
  EXPECT_FALSE(context_.certd.has_value());
  EXPECT_EQ(Run(CertsPreloaded).kind, Kind::kSkipped);
  EXPECT_EQ(Run(Hostname).kind, Kind::kSkipped);
}

TEST_F(WellFormedTest, AMisspeltKeyIsAWarningWithItsLine) {
  const Result result = Identityd(absl::StrCat(kManual, "always_reprovision_on_startup = true\n"));
  EXPECT_EQ(result.kind, Kind::kWarning);
  EXPECT_THAT(Text(result),
              HasSubstr(":8: unknown key provisioning.always_reprovision_on_startup is ignored"));
  EXPECT_TRUE(context_.identityd.has_value());
}

TEST_F(WellFormedTest, AllProblemsOfPrincipalsAreTold) {
  const Result result =
      Identityd(absl::StrCat(kManual,
                             "[[principal]]\nuid=0\nname='a'\nidtype=['module']\n"
                             "[[principal]]\nuid=64777\nname='b'\nidtype=['local']\n"
                             "[[principal]]\nuid=64777\nname='c'\nidtype=['module']\n"
                             "[[principal]]\nuid=64778\nname='d'\n"
                             "[[principal]]\nuid=64779\nname='e'\n"
                             "[[principal]]\nuid=64780\nname='c'\nidtype=['module','user']\n"));
  EXPECT_EQ(result.kind, Kind::kError);
  const std::string text = Text(result);
  EXPECT_THAT(text, HasSubstr("principal \"a\" is for root"));
  EXPECT_THAT(text, HasSubstr("invalid config for b: local id type requires localid config"));
  EXPECT_THAT(text, HasSubstr("principals \"b\" and \"c\" have the same uid 64777"));
  EXPECT_THAT(text, HasSubstr("no user has the uid 64777 of principal \"c\""));
  EXPECT_THAT(text, HasSubstr("principal \"e\" (uid 64779) has no effect"));
  EXPECT_THAT(text, HasSubstr("duplicate module name: c"));
  EXPECT_THAT(text, HasSubstr("invalid config for c: idtype \"user\""));
  EXPECT_THAT(text, Not(HasSubstr("\"d\" (uid")));
}

TEST_F(WellFormedTest, AUserOutsideTheSocketsGroupIsWarnedOf) {
  // `nobody` (65534) is in no group of the suite; without the package's users nothing can be said.
  const Result result =
      Identityd(absl::StrCat(kManual, "[[principal]]\nuid=65534\nname='a'\nidtype=['module']\n"));
  if (result.kind == Kind::kOk) GTEST_SKIP() << "no user aziotid here";
  EXPECT_EQ(result.kind, Kind::kWarning);
  EXPECT_THAT(Text(result), HasSubstr("user nobody of principal \"a\" is not in group aziotid"));
}

struct BadProvisioning {
  const char* name;
  const char* toml;
  const char* says;
};
class ProvisioningTest : public WellFormedTest, public ::testing::WithParamInterface<BadProvisioning> {};
TEST_P(ProvisioningTest, IsAnError) {
  const Result result = Identityd(GetParam().toml);
  EXPECT_EQ(result.kind, Kind::kError);
  EXPECT_THAT(Text(result), HasSubstr(GetParam().says));
}
INSTANTIATE_TEST_SUITE_P(
    All, ProvisioningTest,
    ::testing::Values(
        BadProvisioning{"None", "", "provisioning"},
        BadProvisioning{"Source", "provisioning={source='external'}", "provisioning.source: \"external\""},
        BadProvisioning{"Manual", "provisioning={source='manual',iothub_hostname='h'}",
                        "provisioning.device_id: missing"},
        BadProvisioning{
            "Nested",
            "provisioning={source='dps',local_gateway_hostname='p',global_endpoint='https://x/',scope_id='s',"
            "attestation={method='tpm',registration_id='r'}}",
            "DPS provisioning is not supported in nested mode"},
        BadProvisioning{"Attestation",
                        "provisioning={source='dps',global_endpoint='https://x/"
                        "',scope_id='s',attestation={method='symmetric_key'}}",
                        "provisioning.attestation.symmetric_key: missing"},
        BadProvisioning{"Timeout", "cloud_timeout_sec=69\nprovisioning={source='none'}",
                        "cloud_timeout_sec must be at least 70 seconds"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST_F(WellFormedTest, PreviousStateTellsWhetherTheTpmIsUsed) {
  Write(
      "home/prev_state",
      "hostname='h'\nhomedir='x'\n[provisioning]\nsource='dps'\nglobal_endpoint='https://x/'\nscope_id='s'\n"
      "attestation={method='tpm',registration_id='r'}\n");
  EXPECT_EQ(Identityd(kManual).kind, Kind::kOk);
  EXPECT_TRUE(context_.previous.has_value());
  EXPECT_EQ(Run(TpmdRunning).kind, Kind::kIgnored) << "the current configuration counts first";
  context_.identityd.reset();
  EXPECT_EQ(Run(TpmdRunning).kind, Kind::kError) << "it was used, and does not run";
  context_.previous.reset();
  EXPECT_EQ(Run(TpmdRunning).kind, Kind::kError) << "nobody knows, so it is tried";
}

TEST_F(WellFormedTest, UpToDateComparesTimes) {
  EXPECT_EQ(Run(ConfigsUpToDate).kind, Kind::kIgnored);
  Write("etc/aziot/config.toml", "");
  EXPECT_EQ(Run(ConfigsUpToDate).kind, Kind::kWarning);
  for (const char* daemon : {"keyd", "certd", "identityd", "tpmd"})
    Write(absl::StrCat("etc/aziot/", daemon, "/config.d/00-super.toml"), "");
  EXPECT_EQ(Run(ConfigsUpToDate).kind, Kind::kOk);
  const timespec later[2] = {{}, {.tv_sec = time(nullptr) + 100, .tv_nsec = 0}};
  ASSERT_EQ(utimensat(AT_FDCWD, directory_.Join("etc/aziot/config.toml").c_str(), later, 0), 0);
  const Result result = Run(ConfigsUpToDate);
  EXPECT_EQ(result.kind, Kind::kWarning);
  EXPECT_THAT(Text(result), HasSubstr("was modified after"));
  Write("loop", "");
  ASSERT_TRUE(files::RemoveTree(directory_.Join("etc")).ok());
  ASSERT_EQ(symlink("etc", directory_.Join("etc").c_str()), 0);
  EXPECT_EQ(Run(ConfigsUpToDate).kind, Kind::kError) << "a loop of links is no missing file";
}

struct Name {
  const char* label;
  std::string name;
  Kind kind;
};
std::string Machine() {
  char name[256] = {};
  gethostname(name, sizeof name - 1);
  return name;
}
class HostnameTest : public ::testing::TestWithParam<Name> {};
TEST_P(HostnameTest, IsCompared) {
  CheckContext context;
  context.identityd.emplace().set_hostname(GetParam().name);
  nlohmann::json info;
  EXPECT_EQ(Hostname(context, info).kind, GetParam().kind);
  EXPECT_EQ(info, (nlohmann::json{{"config_hostname", GetParam().name}, {"machine_hostname", Machine()}}));
}
INSTANTIATE_TEST_SUITE_P(
    All, HostnameTest,
    ::testing::Values(Name{"Same", Machine(), Kind::kOk}, Name{"Other", "somebody-else", Kind::kError},
                      Name{"WithDomain", Machine() + ".Example.com", Kind::kOk},
                      Name{"Longer", Machine() + "x", Kind::kError}, Name{"Address", "10.1.2.3", Kind::kOk},
                      Name{"Address6", "fe80::1", Kind::kOk},
                      Name{"BadLabel", Machine() + ".a_b", Kind::kWarning},
                      Name{"TooLong", Machine() + "." + std::string(60, 'a') + "." + std::string(60, 'a'),
                           Kind::kWarning}),
    [](const auto& info) { return std::string(info.param.label); });

}  // namespace
}  // namespace aziot::ctl
