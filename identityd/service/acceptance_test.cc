// Who may ask what, and what they are told: the tables of the contract.
#include <gtest/gtest.h>

#include <algorithm>

#include "identityd/service/service_under_test.h"

namespace aziot::identityd {
namespace {

using ::testing::HasSubstr;

struct WireCase {
  const char* name;
  uid_t uid;
  const char* method;
  const char* target;
  const char* body;
  const char* type;
  int status;
  const char* text;
};
class Acceptance : public ServiceTest, public ::testing::WithParamInterface<WireCase> {};

TEST_P(Acceptance, AnswersAsThePagesSay) {
  Start(TheDevice());
  hub_.Put("existing", "9");
  const WireCase& c = GetParam();
  const http::Response response = Ask(c.uid, c.method, c.target, c.body, c.type);
  EXPECT_EQ(response.status, c.status) << response.body;
  EXPECT_THAT(response.body, HasSubstr(c.text));
}
constexpr char kJson[] = "application/json";
INSTANTIATE_TEST_SUITE_P(
    All, Acceptance,
    ::testing::Values(
        WireCase{"NoVersion", kRoot, "GET", "/identities/identity", "", kJson, 400,
                 "api-version not specified"},
        WireCase{"Preview", kRoot, "GET", "/identities/identity?api-version=2020-09-01-preview", "", kJson,
                 400, R"(invalid api-version \"2020-09-01-preview\")"},
        WireCase{"InfoTooOld", kRoot, "GET", "/identities/provisioning?api-version=2020-09-01", "", kJson,
                 404, "not found"},
        WireCase{"Info", kUnknown, "GET", "/identities/provisioning?api-version=2021-12-01", "", kJson, 200,
                 R"({"source":"manual","auth":"sas"})"},
        WireCase{"Head", kRoot, "HEAD", "/identities/identity?api-version=2020-09-01", "", kJson, 400, ""},
        WireCase{"UnknownCaller", kUnknown, "GET", "/identities/identity?api-version=2020-09-01", "", kJson,
                 401, R"({"message":"authorization error"})"},
        WireCase{"TrustBundle", kUnknown, "GET", "/trust-bundle?api-version=2020-09-01", "", kJson, 200,
                 R"({"certificate":""})"},
        WireCase{"ListNoType", kRoot, "GET", "/identities/modules?api-version=2020-09-01", "", kJson, 400,
                 R"(parameter \"type\" has an invalid value\ncaused by: missing parameter)"},
        WireCase{"ListNoTypeUnknown", kUnknown, "GET", "/identities/modules?api-version=2020-09-01", "",
                 kJson, 401, ""},
        WireCase{"UpdateTextPlain", kRoot, "PUT", "/identities/modules/m1?api-version=2020-09-01&type=aziot",
                 "{}", "text/plain", 415, ""},
        WireCase{"UpdateEmpty", kRoot, "PUT", "/identities/modules/m1?api-version=2020-09-01&type=aziot", "",
                 kJson, 422, ""},
        WireCase{"UpdateEmptyUnknown", kUnknown, "PUT",
                 "/identities/modules/m1?api-version=2020-09-01&type=aziot", "", kJson, 422, ""},
        WireCase{"DeviceNoType", kRoot, "POST", "/identities/device?api-version=2020-09-01", "{}", kJson, 422,
                 ""},
        WireCase{
            "DeviceEmptyType", kRoot, "POST", "/identities/device?api-version=2020-09-01", R"({"type":""})",
            kJson, 200,
            R"({"type":"aziot","spec":{"hubName":"h.azure-devices.net","gatewayHost":"h.azure-devices.net",)"
            R"("deviceId":"dev1","auth":{"type":"sas","keyHandle":")"},
        WireCase{"DeleteLocal", kRoot, "DELETE", "/identities/modules/m1?api-version=2020-09-01&type=local",
                 "", kJson, 400, "invalid type: local"},
        WireCase{"CreateExisting", kRoot, "POST", "/identities/modules?api-version=2020-09-01",
                 R"({"type":"aziot","moduleId":"existing"})", kJson, 404,
                 R"(Hub client error\ncaused by: Module)"},
        WireCase{"CreateBlank", kRoot, "POST", "/identities/modules?api-version=2020-09-01",
                 R"({"type":"aziot","moduleId":" "})", kJson, 400, "module name cannot be empty"},
        WireCase{"CreateOdd", kRoot, "POST", "/identities/modules?api-version=2020-09-01",
                 R"({"type":"aziot","moduleId":"a/b"})", kJson, 400,
                 R"(parameter \"module_id\" has an invalid value\ncaused by: the hub takes)"},
        WireCase{"CreateOther", kRoot, "POST", "/identities/modules?api-version=2020-09-01",
                 R"({"type":"x","moduleId":"a"})", kJson, 400, "invalid type: x"},
        WireCase{"LocalOptions", kRoot, "POST", "/identities/modules?api-version=2020-09-01",
                 R"({"type":"local","moduleId":"a","localIdOpts":{"type":"x509","attributes":"both"}})",
                 kJson, 422, ""},
        WireCase{"LocalExists", kRoot, "POST", "/identities/modules?api-version=2020-09-01",
                 R"({"type":"local","moduleId":"loc"})", kJson, 400, "local identity for loc already exists"},
        WireCase{"LocalUnknown", kRoot, "GET", "/identities/modules/m1?api-version=2020-09-01&type=local", "",
                 kJson, 400, "local identity for m1 doesn't exist"},
        WireCase{"LocalWithoutCertd", kLocal, "GET", "/identities/identity?api-version=2020-09-01", "", kJson,
                 500, "internal error"},
        WireCase{"GetUnknownModule", kRoot, "GET",
                 "/identities/modules/nope?api-version=2020-09-01&type=aziot", "", kJson, 404,
                 R"(Hub client error\ncaused by: )"},
        WireCase{"GetForeignModule", kModule, "GET", "/identities/modules/d?api-version=2020-09-01", "",
                 kJson, 401, ""},
        WireCase{
            "OwnIdentity", kModule, "GET", "http://foo/identities/identity?api-version=2020-09-01", "", kJson,
            200,
            R"("moduleId":"m1","genId":"g1","auth":{"type":"sas","keyHandle":"derived:m1:g1:primary"}})"},
        WireCase{"DeviceBeforeModule", kDeviceUser, "GET", "/identities/identity?api-version=2020-09-01", "",
                 kJson, 200, R"("deviceId":"dev1","auth")"},
        WireCase{"ModuleReprovisions", kModule, "POST",
                 "/identities/device/reprovision?api-version=2020-09-01", "", kJson, 401, ""},
        WireCase{"EdgeReprovisions", kEdge, "POST", "/identities/device/reprovision?api-version=2020-09-01",
                 R"({"type":"aziot"})", kJson, 204, ""},
        WireCase{
            "Status", kUnknown, "GET", "/status?api-version=2026-12-01", "", kJson, 200,
            R"({"provisioning":"provisioned","hubName":"h.azure-devices.net","deviceId":"dev1","reconciliation":"done"})"}),
    [](const auto& info) { return std::string(info.param.name); });

struct RightsCase {
  const char* name;
  const char* method;
  const char* target;  // without its query
  const char* query;
  const char* body;
  int allowed;  // the status for who may
  std::vector<uid_t> who;
};
class Rights : public ServiceTest, public ::testing::WithParamInterface<RightsCase> {};

TEST_P(Rights, AreThoseOfTheMatrixUnderEveryVersion) {
  Start(TheDevice());
  const RightsCase& c = GetParam();
  int last = 0;
  for (const char* version : {"2020-09-01", "2021-12-01", "2022-08-01", "2026-12-01"}) {
    for (const uid_t uid : {kRoot, kEdge, kModule, kDeviceUser, kLocal, kNothing, kUnknown}) {
      SCOPED_TRACE(absl::StrCat(version, " uid ", uid));
      hub_.Put("gone", absl::StrCat(++last));
      if (hub_.modules().contains("new")) hub_.Erase("new");
      const http::Response response =
          Ask(uid, c.method, absl::StrCat(c.target, "?api-version=", version, c.query), c.body);
      const bool may = std::find(c.who.begin(), c.who.end(), uid) != c.who.end();
      // A local identity is allowed its caller, and fails for want of certd.
      if (uid == kLocal && std::string(c.name) == "Own") {
        EXPECT_EQ(response.status, 500);
        continue;
      }
      EXPECT_EQ(response.status, may ? c.allowed : 401) << response.body;
      if (!may) {
        EXPECT_EQ(response.body, R"({"message":"authorization error"})");
      }
    }
  }
}
INSTANTIATE_TEST_SUITE_P(
    All, Rights,
    ::testing::Values(
        RightsCase{"Own", "GET", "/identities/identity", "", "", 200, {kRoot, kEdge, kModule, kDeviceUser}},
        RightsCase{"Device",
                   "POST",
                   "/identities/device",
                   "",
                   R"({"type":"aziot"})",
                   200,
                   {kRoot, kEdge, kDeviceUser}},
        RightsCase{"Reprovision", "POST", "/identities/device/reprovision", "", "", 204, {kRoot, kEdge}},
        RightsCase{"List", "GET", "/identities/modules", "&type=aziot", "", 200, {kRoot, kEdge}},
        RightsCase{"Create",
                   "POST",
                   "/identities/modules",
                   "",
                   R"({"type":"aziot","moduleId":"new"})",
                   200,
                   {kRoot, kEdge}},
        RightsCase{"Get", "GET", "/identities/modules/m1", "&type=aziot", "", 200, {kRoot, kEdge, kModule}},
        RightsCase{"Update", "PUT", "/identities/modules/m1", "&type=aziot", "{}", 200, {kRoot, kEdge}},
        RightsCase{"Delete", "DELETE", "/identities/modules/gone", "&type=aziot", "", 204, {kRoot, kEdge}},
        RightsCase{"TrustBundle",
                   "GET",
                   "/trust-bundle",
                   "",
                   "",
                   200,
                   {kRoot, kEdge, kModule, kDeviceUser, kLocal, kNothing, kUnknown}}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace aziot::identityd
