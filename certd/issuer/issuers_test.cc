#include "certd/issuer/issuers.h"

#include <gtest/gtest.h>

#include <map>

#include "certd/issuer/testing/fake_signing_keys.h"
#include "common/openssl/certificate.h"
#include "common/testing/manual_clock.h"

namespace aziot::certd {
namespace {

class MapOfCertificates final : public CertificateSource {
 public:
  std::map<std::string, std::string> pem;
  absl::Status failure;
  absl::StatusOr<std::string> Get(const CertId& id) const override {
    if (!failure.ok()) return failure;
    const auto found = pem.find(id.value());
    if (found == pem.end()) return absl::NotFoundError(id.value());
    return found->second;
  }
};

class IssuersTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::string> Issue(const std::string& method, const std::string& id, EVP_PKEY& key) {
    auto issuer = NewIssuer(
        method, {.certificates = certificates_, .keys = keys_, .clock = clock_, .local_ca = local_ca_});
    if (!issuer.ok()) return issuer.status();
    const auto name = openssl::BuildName({{"CN", id}});
    const auto request = openssl::BuildRequest(**name, key, {});
    const IssuanceEntry entry{.method = method};
    return (*issuer)->Issue({.id = *CertId::Parse(id), .csr = **request, .entry = entry});
  }
  MapOfCertificates certificates_;
  testing::FakeSigningKeys keys_;
  aziot::testing::ManualClock clock_;
  std::optional<LocalCaIds> local_ca_;
};

TEST_F(IssuersTest, SelfSignedUsesTheKeyOfTheSameId) {
  EXPECT_TRUE(Issue("self_signed", "device-id", keys_.Make("device-id")).ok());
  testing::FakeSigningKeys elsewhere;
  EXPECT_TRUE(absl::IsInternal(Issue("self_signed", "no-such-key", elsewhere.Make("x")).status()));
}

TEST_F(IssuersTest, LocalCaSignsWithItsCertificateAndKey) {
  const auto ca = Issue("self_signed", "ca", keys_.Make("ca"));
  ASSERT_TRUE(ca.ok());
  testing::FakeSigningKeys device;
  EXPECT_TRUE(absl::IsFailedPrecondition(Issue("local_ca", "leaf", device.Make("leaf")).status()));
  local_ca_ = LocalCaIds{*CertId::Parse("local-ca"), *KeyId::Parse("ca")};
  EXPECT_TRUE(absl::IsInternal(Issue("local_ca", "leaf", device.Make("leaf")).status()));
  certificates_.failure = absl::FailedPreconditionError("read /ca.pem: not a regular file");
  EXPECT_TRUE(absl::IsInternal(Issue("local_ca", "leaf", device.Make("leaf")).status()));
  certificates_.failure = absl::OkStatus();
  certificates_.pem["local-ca"] = "";
  EXPECT_TRUE(absl::IsInternal(Issue("local_ca", "leaf", device.Make("leaf")).status()));
  certificates_.pem["local-ca"] = *ca;
  const auto leaf = Issue("local_ca", "leaf", device.Make("leaf"));
  ASSERT_TRUE(leaf.ok()) << leaf.status();
  EXPECT_EQ(openssl::ParseCertificates(*leaf)->size(), 2u);
}

TEST_F(IssuersTest, EstSaysThatItIsNotThereYet) {
  const auto refused = Issue("est", "device-id", keys_.Make("device-id"));
  EXPECT_TRUE(absl::IsFailedPrecondition(refused.status()));
  EXPECT_NE(refused.status().message().find("device-id"), absl::string_view::npos);
}

TEST_F(IssuersTest, UnknownMethodIsRefused) {
  EXPECT_TRUE(absl::IsInvalidArgument(CheckMethod("acme")));
  EXPECT_TRUE(absl::IsInvalidArgument(Issue("acme", "x", keys_.Make("x")).status()));
}

}  // namespace
}  // namespace aziot::certd
