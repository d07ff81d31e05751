// "Creating an IoT agent" for a manually provisioned device: `config mp`, `config apply`, root registered as
// a module, and the example agent.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/files/files.h"
#include "tests/support/suite.h"

namespace aziot::tests {
namespace {

using ::testing::HasSubstr;

constexpr char kRegistration[] = R"sh(
>DIR/etc/aziot/identityd/config.d/mymodule.toml cat <<-EOF
[[principal]]
uid = 0
name = "mymodule"
idtype = ["module"]
EOF

chown aziotid:aziotid DIR/etc/aziot/identityd/config.d/mymodule.toml

chmod 0600 DIR/etc/aziot/identityd/config.d/mymodule.toml
)sh";

TEST(Walkthrough, ManualDeviceAndRootAsAModule) {
  Suite suite;
  suite.StartCloud();
  ASSERT_FALSE(::testing::Test::HasFatalFailure());
  const Output device = suite.Provisionctl("device create my-device --json");
  ASSERT_EQ(device.status, 0) << device.text;
  const Output key = RunCommand("printf '%s' '" + device.text + "' | jq -r .keys.primaryKey");
  const std::string primary = key.text.substr(0, key.text.find('\n'));
  const Output made = suite.Aziotctl("config mp -c 'HostName=" + suite.hub() +
                                     ";DeviceId=my-device;SharedAccessKey=" + primary + "'");
  ASSERT_EQ(made.status, 0) << made.text;
  EXPECT_EQ(suite.Aziotctl("config mp -c 'HostName=h;DeviceId=d;SharedAccessKey=a2V5' 2>&1").status, 1)
      << "an existing file is not overwritten";
  const Output applied = suite.Aziotctl("config apply");
  ASSERT_EQ(applied.status, 0) << applied.text;
  const std::string registration = absl::StrReplaceAll(kRegistration, {{"DIR", suite.root().path()}});
  ASSERT_EQ(RunCommand(absl::StrCat("bash -c '", registration, "'")).status, 0);

  suite.StartKeyd();
  suite.StartCertd();
  suite.StartIdentityd();
  ASSERT_TRUE(Eventually([&] { return suite.IsReady("identityd"); })) << suite.identityd().Log();

  const Output agent =
      RunCommand(absl::StrCat(SourceDir(), "/tests/examples/agent.sh ", suite.root().path()));
  EXPECT_THAT(agent.text, HasSubstr("4 connection string: HostName=" + suite.hub() +
                                    ";DeviceId=my-device;ModuleId=mymodule;SharedAccessSignature="));
  const std::string token = agent.text.substr(agent.text.rfind("SharedAccessSignature sr="));
  const Output sent = RunCommand(absl::StrCat(
      "curl -sS --cacert ", suite.CloudRoot(), " -w '%{http_code}' -X POST -d '{}' -H 'Authorization: ",
      token.substr(0, token.find('\n')), "' 'https://", suite.hub(),
      "/devices/my-device/modules/mymodule/messages/events?api-version=2018-06-30'"));
  EXPECT_EQ(sent.text, "204");
  EXPECT_THAT(suite.identityd().Log(), HasSubstr("Starting server..."));

  const Output status = suite.Aziotctl("system status");
  EXPECT_EQ(status.status, 0) << status.text;
  const Output check = suite.Aziotctl(
      "check -o json --dont-run 'hostname aziot-version host-local-time host-connect-iothub-amqp "
      "host-connect-iothub-https host-connect-iothub-mqtt'");
  EXPECT_EQ(check.status, 0) << check.text;

  const Output telemetry = suite.Provisionctl("telemetry list my-device");
  EXPECT_EQ(telemetry.status, 0);
  EXPECT_THAT(telemetry.text, HasSubstr("mymodule"));
}

}  // namespace
}  // namespace aziot::tests
