// TLS handshakes with listeners on the ports of the real protocols, each on a loopback address of its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "aziotctl/checks/checks.h"
#include "aziotctl/checks/context.h"
#include "aziotctl/checks/loopback_for_test.h"
#include "aziotctl/checks/tls_handshake.h"
#include "common/files/files.h"
#include "common/https/fake_server.h"
#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"

namespace aziot::ctl {
namespace {

using ::testing::HasSubstr;
using Kind = Result::Kind;
using CheckFunction = Result (*)(CheckContext&, nlohmann::json&);

constexpr char kHub[] = "127.83.9.7";

class ConnectivityTest : public ::testing::Test {
 protected:
  ConnectivityTest() : identity_(ca_.IssueServer("hub", {absl::StrCat("IP:", kHub), "IP:127.0.0.1"})) {
    signal(SIGPIPE, SIG_IGN);
    EXPECT_TRUE(files::Replace(directory_.Join("root.pem"), ca_.root(), 0644).ok());
    setenv("SSL_CERT_FILE", directory_.Join("root.pem").c_str(), 1);
    context_.identityd.emplace().set_homedir(directory_.path());
    Provisioning().set_source("manual");
    Provisioning().set_iothub_hostname(kHub);
  }
  ~ConnectivityTest() override { unsetenv("SSL_CERT_FILE"); }

  config::v1::Provisioning& Provisioning() { return *context_.identityd->mutable_provisioning(); }
  Result Run(CheckFunction check) {
    info_ = nlohmann::json::object();
    return check(context_, info_);
  }

  testing::TempDir directory_;
  testing::TestCa ca_;
  testing::Issued identity_;
  CheckContext context_;
  nlohmann::json info_;
};

struct Port {
  const char* name;
  CheckFunction check;
  uint16_t port;
};
class HubPortTest : public ConnectivityTest, public ::testing::WithParamInterface<Port> {};
TEST_P(HubPortTest, ShakesHandsThere) {
  if (geteuid() != 0 && GetParam().port < 1024) GTEST_SKIP() << "only root may listen there";
  EXPECT_EQ(Run(GetParam().check).kind, Kind::kError) << "nobody listens";
  TlsListener hub(kHub, GetParam().port, identity_);
  const Result result = Run(GetParam().check);
  EXPECT_EQ(result.kind, Kind::kOk) << (result.details.empty() ? "" : result.details.back());
  EXPECT_EQ(info_, (nlohmann::json{{"iothub_hostname", kHub}, {"port_number", GetParam().port}}));
}
INSTANTIATE_TEST_SUITE_P(All, HubPortTest,
                         ::testing::Values(Port{"Amqp", ConnectHubAmqp, 5671},
                                           Port{"Https", ConnectHubHttps, 443},
                                           Port{"Mqtt", ConnectHubMqtt, 8883}),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_F(ConnectivityTest, AnUntrustedServerIsRefused) {
  const testing::TestCa other;
  TlsListener hub("127.0.0.1", 0, other.IssueServer());
  EXPECT_THAT(TryTlsHandshake({.host = "127.0.0.1", .port = hub.port()}, absl::Seconds(20)),
              testing::StatusIs(absl::StatusCode::kUnavailable, HasSubstr("certificate")));
  TlsListener misnamed("127.0.0.1", 0, ca_.IssueServer("x", {"DNS:somebody-else"}));
  EXPECT_THAT(TryTlsHandshake({.host = "127.0.0.1", .port = misnamed.port()}, absl::Seconds(20)),
              testing::StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(ConnectivityTest, ASilentServerTimesOut) {
  https::LoopbackServer silent([](int descriptor) {
    char byte;
    while (read(descriptor, &byte, 1) > 0) {
    }
  });
  EXPECT_THAT(TryTlsHandshake({.host = "127.0.0.1", .port = static_cast<uint16_t>(silent.port())},
                              absl::Milliseconds(100)),
              testing::StatusIs(absl::StatusCode::kDeadlineExceeded));
  Provisioning().set_iothub_hostname(absl::StrCat("127.0.0.1:", silent.port()));
  context_.identityd->set_cloud_timeout_sec(1);
  EXPECT_EQ(Run(ConnectHubHttps).details.front(),
            "Failed to do TLS Handshake, Connection Attempt Timed out in 1 Seconds");
}

TEST_F(ConnectivityTest, HttpsGoesThroughTheProxyAndTheOthersDoNot) {
  TlsListener hub("127.0.0.1", 0, identity_);
  https::FakeProxy proxy(hub.port(), "");
  Provisioning().set_iothub_hostname("127.0.0.1:1");
  context_.proxy_uri = absl::StrCat("http://user:word@127.0.0.1:", proxy.port());
  const Result result = Run(ConnectHubHttps);
  EXPECT_EQ(result.kind, Kind::kOk) << (result.details.empty() ? "" : result.details.back());
  EXPECT_EQ(info_["proxy"], absl::StrCat("http://user:******@127.0.0.1:", proxy.port()));
  ASSERT_EQ(proxy.requests().size(), 1u);
  EXPECT_THAT(proxy.requests()[0], HasSubstr("CONNECT 127.0.0.1:1 "));
  Run(ConnectHubAmqp);
  Run(ConnectHubMqtt);
  EXPECT_EQ(proxy.requests().size(), 1u);
}

TEST_F(ConnectivityTest, DpsIsTriedWhereTheConfigurationSays) {
  TlsListener dps("127.0.0.1", 0, identity_);
  EXPECT_EQ(Run(ConnectDps).kind, Kind::kIgnored) << "manual provisioning knows no DPS";
  Provisioning().set_source("dps");
  const std::string endpoint = absl::StrCat("https://127.0.0.1:", dps.port(), "/");
  Provisioning().set_global_endpoint(endpoint);
  const Result result = Run(ConnectDps);
  EXPECT_EQ(result.kind, Kind::kOk) << (result.details.empty() ? "" : result.details.back());
  EXPECT_EQ(info_, (nlohmann::json{{"dps_endpoint", endpoint}, {"dps_hostname", "127.0.0.1"}}));
}

TEST_F(ConnectivityTest, TheHubsNameComesFromSwitchConfigurationOrState) {
  context_.iothub_hostname = "127.0.0.1:1";
  Run(ConnectHubHttps);
  EXPECT_EQ(info_["iothub_hostname"], "127.0.0.1:1");
  context_.iothub_hostname.clear();
  Provisioning().set_local_gateway_hostname("127.0.0.1:2");
  Run(ConnectHubHttps);
  EXPECT_EQ(info_["iothub_hostname"], "127.0.0.1:2") << "a nested device talks to its parent";

  Provisioning().Clear();
  Provisioning().set_source("dps");
  Result unknown = Run(ConnectHubHttps);
  EXPECT_EQ(unknown.kind, Kind::kWarning);
  EXPECT_THAT(unknown.details.front(), HasSubstr("--iothub-hostname"));
  ASSERT_TRUE(
      files::Replace(directory_.Join("device_info"),
                     "hub_name = \"127.0.0.1:3\"\nlocal_gateway_hostname = \"g\"\ndevice_id = \"d\"\n", 0600)
          .ok());
  Run(ConnectHubHttps);
  EXPECT_EQ(info_["iothub_hostname"], "127.0.0.1:3") << "what DPS assigned";
  Provisioning().set_local_gateway_hostname("parent");
  EXPECT_EQ(Run(ConnectHubHttps).kind, Kind::kIgnored);
  Provisioning().Clear();
  Provisioning().set_source("none");
  EXPECT_EQ(Run(ConnectHubMqtt).kind, Kind::kIgnored);
  context_.identityd.reset();
  EXPECT_EQ(Run(ConnectHubAmqp).kind, Kind::kSkipped);
}

}  // namespace
}  // namespace aziot::ctl
