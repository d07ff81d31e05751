#include "provisiond/ca/server_certificate.h"

#include <gtest/gtest.h>

#include "common/files/files.h"
#include "common/testing/manual_clock.h"
#include "common/testing/temp_dir.h"
#include "common/testing/test_ca.h"

namespace aziot::provisiond {
namespace {

class ServerCertificateTest : public ::testing::Test {
 protected:
  // The certificate file's text after another start.
  std::string Ensure(const std::vector<std::string>& names = {"localhost", "127.0.0.1"}) {
    const auto made = EnsureServerCertificate(directory_.path(), names, clock_);
    EXPECT_TRUE(made.ok()) << made.status();
    return *files::Read(made->certificate_file);
  }

  testing::TempDir directory_;
  testing::ManualClock clock_;
};

TEST_F(ServerCertificateTest, IsKeptUntilNamesChangeOrItsEndIsNear) {
  const std::string first = Ensure();
  const std::string root = *files::Read(directory_.Join("root.pem"));
  EXPECT_EQ(Ensure(), first);
  const std::string second = Ensure({"localhost", "hub1.localhost"});
  EXPECT_NE(second, first);
  clock_.Advance(absl::Hours(24 * 340));
  EXPECT_NE(Ensure({"localhost", "hub1.localhost"}), second);
  EXPECT_EQ(*files::Read(directory_.Join("root.pem")), root);
}

TEST_F(ServerCertificateTest, IsMadeAgainWhenItsKeyIsGoneOrAnothers) {
  const std::string first = Ensure();
  const std::string stranger = testing::TestCa().IssueServer().private_key;
  ASSERT_TRUE(files::Replace(directory_.Join("server.key"), stranger, 0600).ok());
  const std::string second = Ensure();
  EXPECT_NE(second, first);
  ASSERT_TRUE(files::Remove(directory_.Join("server.key")).ok());
  EXPECT_NE(Ensure(), second);
}

}  // namespace
}  // namespace aziot::provisiond
