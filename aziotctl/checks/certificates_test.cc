#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "aziotctl/checks/checks.h"
#include "aziotctl/checks/context.h"
#include "aziotctl/checks/service_users.h"
#include "common/files/files.h"
#include "common/testing/temp_dir.h"
#include "common/testing/test_ca.h"

namespace aziot::ctl {
namespace {

using ::testing::HasSubstr;
using Kind = Result::Kind;

class CertificatesTest : public ::testing::Test {
 protected:
  CertificatesTest() {
    chmod(directory_.path().c_str(), 0755);
    context_.certd.emplace().set_homedir_path(directory_.path());
    context_.identityd.emplace();
  }

  // A certificate for the given time from now, readable by everybody.
  std::string Make(const std::string& name, absl::Duration from, absl::Duration until) {
    const std::string path = directory_.Join(name);
    const auto issued =
        ca_.IssueServer("x", {"DNS:x"}, {.from = absl::Now() + from, .until = absl::Now() + until});
    EXPECT_TRUE(files::Replace(path, issued.certificate, 0644).ok());
    return path;
  }
  void Preload(const std::string& id, const std::string& path) {
    (*context_.certd->mutable_preloaded_certs())[id].set_uri("file://" + path);
  }
  Result Run(Result (*check)(CheckContext&, nlohmann::json&)) {
    info_ = nlohmann::json::object();
    return check(context_, info_);
  }
  static std::string Text(const Result& result) { return absl::StrJoin(result.details, "\n"); }

  testing::TempDir directory_;
  testing::TestCa ca_;
  CheckContext context_;
  nlohmann::json info_;
};

constexpr absl::Duration kDay = absl::Hours(24);

TEST_F(CertificatesTest, DatesDecide) {
  context_.certd->mutable_cert_issuance()->mutable_local_ca()->set_cert("ca");
  Preload("ca", Make("good", -kDay, 30 * kDay));
  EXPECT_EQ(Run(LocalCaExpiry).kind, Kind::kOk);
  EXPECT_EQ(info_["certificate_info"]["cert_id"], "ca");
  EXPECT_EQ(info_["certificate_info"]["cert_name"], "local CA certificate");
  EXPECT_THAT(info_["certificate_info"]["not_after"].get<std::string>(),
              ::testing::MatchesRegex("....-..-..T..:..:..Z"));
  EXPECT_TRUE(info_["certificate_info"].contains("not_before"));
  Preload("ca", Make("soon", -kDay, 6 * kDay));
  EXPECT_EQ(Run(LocalCaExpiry).kind, Kind::kWarning);
  Preload("ca", Make("over", -2 * kDay, -kDay));
  EXPECT_EQ(Run(LocalCaExpiry).kind, Kind::kError);
  Preload("ca", Make("early", kDay, 30 * kDay));
  EXPECT_EQ(Run(LocalCaExpiry).kind, Kind::kError);
}

TEST_F(CertificatesTest, IssuedOnesNeedNotBeThereYet) {
  EXPECT_EQ(Run(LocalCaExpiry).kind, Kind::kIgnored);
  context_.certd->mutable_cert_issuance()->mutable_local_ca()->set_cert("local-ca");
  const Result result = Run(LocalCaExpiry);
  EXPECT_EQ(result.kind, Kind::kError);
  EXPECT_THAT(Text(result), HasSubstr("neither preloaded nor issued"));
  (*context_.certd->mutable_cert_issuance()->mutable_entries())["local-ca"].set_method("self_signed");
  EXPECT_EQ(Run(LocalCaExpiry).kind, Kind::kOk);
  ASSERT_TRUE(files::MakeDirectory(directory_.Join("certs"), 0755).ok());
  // SHA-256 of `local-ca`, as certd names its file.
  Make("certs/localca-f71a8ad7034763bddef5cd1be2038a6b758374a08a83e88a979839841e5294d4.cer", -2 * kDay,
       -kDay);
  EXPECT_EQ(Run(LocalCaExpiry).kind, Kind::kError) << "the issued one has expired";
}

TEST_F(CertificatesTest, IdentityFollowsTheSource) {
  config::v1::Provisioning& provisioning = *context_.identityd->mutable_provisioning();
  provisioning.set_source("none");
  EXPECT_EQ(Run(IdentityCertificateExpiry).kind, Kind::kIgnored);
  EXPECT_EQ(info_["provisioning_mode"], "none");
  provisioning.set_source("manual");
  provisioning.mutable_authentication()->set_method("sas");
  EXPECT_EQ(Run(IdentityCertificateExpiry).kind, Kind::kIgnored);
  EXPECT_EQ(info_["provisioning_mode"], "manual-other");
  provisioning.mutable_authentication()->set_method("x509");
  provisioning.mutable_authentication()->set_identity_cert("device-id");
  EXPECT_EQ(Run(IdentityCertificateExpiry).kind, Kind::kError);
  EXPECT_EQ(info_["provisioning_mode"], "manual-x509");
  Preload("device-id", Make("device", -kDay, 30 * kDay));
  EXPECT_EQ(Run(IdentityCertificateExpiry).kind, Kind::kOk);
  provisioning.set_source("dps");
  provisioning.mutable_attestation()->set_method("symmetric_key");
  EXPECT_EQ(Run(IdentityCertificateExpiry).kind, Kind::kIgnored);
  EXPECT_EQ(info_["provisioning_mode"], "dps-other");
  provisioning.mutable_attestation()->set_method("x509");
  provisioning.mutable_attestation()->set_identity_cert("device-id");
  EXPECT_EQ(Run(IdentityCertificateExpiry).kind, Kind::kOk);
  EXPECT_EQ(info_["provisioning_mode"], "dps-x509");
  EXPECT_EQ(info_["certificate_info"]["cert_id"], "device-id");
}

TEST_F(CertificatesTest, EstTellsOfBothCertificates) {
  EXPECT_EQ(Run(EstCertificateExpiry).kind, Kind::kIgnored);
  config::v1::EstDefaults& est = *context_.certd->mutable_cert_issuance()->mutable_est();
  est.set_identity_cert("est-id");
  est.set_bootstrap_identity_cert("est-bootstrap-id");
  Preload("est-bootstrap-id", Make("bootstrap", -kDay, 3 * kDay));
  EXPECT_EQ(Run(EstCertificateExpiry).kind, Kind::kWarning) << "est-id is not issued yet";
  EXPECT_EQ(info_["bootstrap_certificate_info"]["cert_id"], "est-bootstrap-id");
  Preload("est-id", Make("id", -2 * kDay, -kDay));
  const Result result = Run(EstCertificateExpiry);
  EXPECT_EQ(result.kind, Kind::kError);
  EXPECT_THAT(Text(result), HasSubstr("est-id expired"));
  EXPECT_THAT(Text(result), HasSubstr("est-bootstrap-id will expire soon"));
}

TEST_F(CertificatesTest, EveryBadPreloadedOneIsTold) {
  Preload("a", Make("a", -kDay, 30 * kDay));
  EXPECT_EQ(Run(CertsPreloaded).kind, Kind::kOk);
  Preload("b", Make("b", -2 * kDay, -kDay));
  Preload("c", directory_.Join("missing"));
  (*context_.certd->mutable_preloaded_certs())["d"].set_uri("https://example.org/x.pem");
  ASSERT_TRUE(files::Replace(directory_.Join("e"), "no PEM", 0644).ok());
  Preload("e", directory_.Join("e"));
  config::v1::PreloadedCert& loop = (*context_.certd->mutable_preloaded_certs())["loop"];
  for (const char* id : {"a", "loop", "unknown"}) loop.add_ids(id);
  const Result result = Run(CertsPreloaded);
  EXPECT_EQ(result.kind, Kind::kError);
  for (const char* says :
       {"b expired", "missing", "preloaded certificate d: ", "/e holds no readable certificate"})
    EXPECT_THAT(Text(result), HasSubstr(says));
  const std::string text = Text(result);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3) << "one line each";
}

TEST_F(CertificatesTest, CertdsUserMustBeAbleToReadTheFile) {
  if (geteuid() != 0 || !FindUserByName("aziotcs").has_value()) GTEST_SKIP() << "needs root and user aziotcs";
  const std::string path = Make("a", -kDay, 30 * kDay);
  Preload("a", path);
  ASSERT_EQ(chmod(path.c_str(), 0600), 0);
  const Result result = Run(CertsPreloaded);
  EXPECT_EQ(result.kind, Kind::kError);
  EXPECT_THAT(Text(result), HasSubstr(path + " cannot be read by user aziotcs: Permission denied"));
}

}  // namespace
}  // namespace aziot::ctl
