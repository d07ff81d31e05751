// "Creating an IoT agent" for a manually provisioned device: `config mp`, `config apply`, root registered as
// a module, and the walkthrough's own script.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_replace.h"
#include "common/files/files.h"
#include "tests/support/suite.h"

namespace aziot::tests {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

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

constexpr char kScript[] = R"sh(
identity="$(curl -sS --unix-socket 'DIR/run/aziot/identityd.sock' 'http://identityd.sock/identities/identity?api-version=2020-09-01')"

hub_name="$(<<< "$identity" jq -r '.spec.hubName')"
gateway_host="$(<<< "$identity" jq -r '.spec.gatewayHost')"
device_id="$(<<< "$identity" jq -r '.spec.deviceId')"
module_id="$(<<< "$identity" jq -r '.spec.moduleId // ""')"
auth_type="$(<<< "$identity" jq -r '.spec.auth.type')"
key_handle="$(<<< "$identity" jq -r '.spec.auth.keyHandle')"

resource_uri="$(printf '%s/devices/%s/modules/%s' "$hub_name" "$device_id" "$module_id" | jq -sRr @uri)"
expiry="$(bc <<< "$(date +%s) + 60 * 60 * 24")"
signature_data="$(printf '%s\n%s' "$resource_uri" "$expiry" | base64 -w 0)"

signature="$(
    curl -sS --unix-socket 'DIR/run/aziot/keyd.sock' \
        -X POST -H 'content-type: application/json' --data-raw "$(
            jq -cn --arg 'keyHandle' "$key_handle" --arg 'message' "$signature_data" '{
                "keyHandle": $keyHandle,
                "algorithm": "HMAC-SHA256",
                "parameters": {
                    "message": $message,
                },
            }'
        )" 'http://keyd.sock/sign?api-version=2020-09-01' |
        jq '.signature' -r |
        sed -e 's|+|%2b|g' -e 's|/|%2f|g' -e 's|=|%3d|g'
)"

sas_token="$(printf 'sr=%s&se=%s&sig=%s' "$resource_uri" "$expiry" "$signature")"
sas="SharedAccessSignature $sas_token"

if [ "$hub_name" = "$gateway_host" ]; then
    echo "HostName=$hub_name;DeviceId=$device_id;ModuleId=$module_id;SharedAccessSignature=$sas"
else
    echo "HostName=$hub_name;DeviceId=$device_id;ModuleId=$module_id;SharedAccessSignature=$sas;GatewayHost=$gateway_host"
fi
curl -sS --cacert CLOUD_ROOT -o /dev/null -w '%{http_code}' -X POST -H "Authorization: $sas" -d '{}' \
  "https://$hub_name/devices/$device_id/modules/$module_id/messages/events?api-version=2018-06-30"
)sh";

TEST(Walkthrough, ManualDeviceAndRootAsAModule) {
  Suite suite;
  suite.StartCloud();
  ASSERT_FALSE(::testing::Test::HasFatalFailure());
  const auto in_root = [&](const char* script) {
    return RunCommand(
        "bash -c '" +
        absl::StrReplaceAll(
            script, {{"DIR", suite.root().path()}, {"CLOUD_ROOT", suite.CloudRoot()}, {"'", "'\\''"}}) +
        "'");
  };

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
  ASSERT_EQ(in_root(kRegistration).status, 0);

  suite.StartKeyd();
  suite.StartCertd();
  suite.StartIdentityd();
  ASSERT_TRUE(Eventually([&] { return suite.IsReady("identityd"); })) << suite.identityd().Log();

  const Output agent = in_root(kScript);
  EXPECT_THAT(
      agent.text,
      StartsWith("HostName=" + suite.hub() +
                 ";DeviceId=my-device;ModuleId=mymodule;SharedAccessSignature=SharedAccessSignature sr="));
  EXPECT_THAT(agent.text, ::testing::EndsWith("\n204"));
  EXPECT_THAT(suite.identityd().Log(), HasSubstr("Starting server..."));

  const Output status = suite.Aziotctl("system status");
  EXPECT_EQ(status.status, 0) << status.text;
  const Output check = suite.Aziotctl("check -o json --dont-run 'hostname host-connect-iothub-https'");
  EXPECT_EQ(check.status, 0) << check.text;

  const Output telemetry = suite.Provisionctl("telemetry list my-device");
  EXPECT_EQ(telemetry.status, 0);
  EXPECT_THAT(telemetry.text, HasSubstr("mymodule"));
}

}  // namespace
}  // namespace aziot::tests
