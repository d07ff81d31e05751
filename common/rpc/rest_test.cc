#include "common/rpc/rest.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "aziot/certificates/v1/certificates.pb.h"
#include "aziot/identity/v1/identity.pb.h"
#include "aziot/keys/v1/keys.pb.h"
#include "common/rpc/errors.h"
#include "common/rpc/test_dispatchers.h"
#include "common/rpc/transcode.h"
#include "common/rpc/wire_status.h"

namespace aziot::rpc {
namespace {

namespace certs = certificates::v1;
namespace ids = identity::v1;
namespace keys = keys::v1;

// What a request is parsed as: "Method {json}" of the rpc and its message, or "code text" of the refusal.
struct Case {
  const char* name;
  std::string verb;
  std::string target;
  std::string expected;
  std::string body = "";
  std::string content_type = "";
};

http::Request RequestOf(const Case& c) {
  http::Request request{.method = c.verb, .target = c.target, .body = c.body};
  if (!c.content_type.empty()) request.headers.Add("Content-Type", c.content_type);
  return request;
}

std::string Outcome(const RestApi& api, const Case& c) {
  const absl::StatusOr<RestCall> call = api.Parse(RequestOf(c));
  if (call.ok()) {
    EXPECT_EQ(call->api_version, c.target.substr(c.target.rfind('=') + 1));
    return absl::StrCat(call->method->name(), " ", WriteJson(*call->request));
  }
  const WireStatus wire = ToWire(call.status());
  EXPECT_FALSE(wire.text_withheld);
  return absl::StrCat(wire.http, " ", wire.message);
}

class KeysRoutes : public testing::TestWithParam<Case> {
 protected:
  Nobody nobody_;
  const Dispatcher dispatcher_ = KeysDispatcher(nobody_);
  const RestApi api_{dispatcher_};
};
TEST_P(KeysRoutes, Parse) { EXPECT_EQ(Outcome(api_, GetParam()), GetParam().expected); }

const std::string kV = "?api-version=2021-05-01";
const std::string kJson = "application/json";
const std::string kHandle = R"({"keyHandle":"h"})";

INSTANTIATE_TEST_SUITE_P(
    Steps, KeysRoutes,
    testing::Values(
        Case{"NoVersion", "GET", "/key/a", "400 api-version not specified"},
        Case{"NoVersionOnUnknownPath", "BREW", "/nothing", "400 api-version not specified"},
        Case{"UnknownVersion", "GET", "/key/a?api-version=2019-01-01",
             "400 invalid api-version \"2019-01-01\""},
        Case{"PreviewVersion", "GET", "/key/a?api-version=2020-09-01-preview",
             "400 invalid api-version \"2020-09-01-preview\""},
        Case{"EmptyVersion", "GET", "/key/a?api-version=", "400 invalid api-version \"\""},
        Case{"UnknownVersionOnUnknownPath", "GET", "/nothing?api-version=x", "400 invalid api-version \"x\""},
        Case{"LastVersionWins", "GET", "/key/a?api-version=x&api-version=2021-05-01",
             "GetKey {\"id\":\"a\"}"},
        Case{"LastVersionLoses", "GET", "/key/a?api-version=2021-05-01&api-version=x",
             "400 invalid api-version \"x\""},
        Case{"FirstVersion", "GET", "/key/a?api-version=2020-09-01", "GetKey {\"id\":\"a\"}"},
        Case{"OurVersion", "GET", "/key/a?api-version=2026-12-01", "GetKey {\"id\":\"a\"}"},
        Case{"OtherParametersIgnored", "GET", "/key/a?x=y&api-version=2021-05-01", "GetKey {\"id\":\"a\"}"},
        Case{"NoRoute", "GET", "/keys/a" + kV, "404 not found"},
        Case{"Root", "GET", "/" + kV, "404 not found"},
        Case{"OtherCase", "GET", "/Key/a" + kV, "404 not found"},
        Case{"TrailingSlash", "GET", "/key/a/" + kV, "404 not found"},
        Case{"EmptySegment", "GET", "/key/" + kV, "404 not found"},
        Case{"DoubleSlash", "POST", "//sign" + kV, "404 not found"},
        Case{"EncodedLiteral", "POST", "/%73ign" + kV, "404 not found"},
        Case{"UnknownPathAnyVerb", "BREW", "/keys/a" + kV, "404 not found"},
        Case{"Head", "HEAD", "/key/a" + kV, "400 method not allowed"},
        Case{"Patch", "PATCH", "/sign" + kV, "400 method not allowed", "no json"},
        Case{"Options", "OPTIONS", "/key" + kV, "400 method not allowed"},
        Case{"LowerCaseVerb", "get", "/key/a" + kV, "400 method not allowed"},
        Case{"AbsoluteForm", "GET", "http://foo/key/a" + kV, "GetKey {\"id\":\"a\"}"},
        Case{"EncodedSlash", "GET", "/key/aziot-edged%2Fmodule%2Fm:1:server" + kV,
             "GetKey {\"id\":\"aziot-edged/module/m:1:server\"}"},
        Case{"PlusInPathStays", "GET", "/key/a+b" + kV, "GetKey {\"id\":\"a+b\"}"},
        Case{"BarepercentStays", "GET", "/key/100%" + kV, "GetKey {\"id\":\"100%\"}"},
        Case{"RawAndEncodedUtf8", "GET", "/key/\xC3\xA4%C3%A4" + kV, "GetKey {\"id\":\"\xC3\xA4\xC3\xA4\"}"},
        Case{"BrokenUtf8", "GET", "/key/%FF" + kV, "404 not found"},
        Case{"EncodedNulIsForTheService", "GET", "/key/a%00" + kV, "GetKey {\"id\":\"a\\u0000\"}"},
        Case{"BodyOnGetIgnored", "GET", "/key/a" + kV, "GetKey {\"id\":\"a\"}", "{broken", "text/plain"},
        Case{"GetNotImplemented", "GET", "/sign" + kV, "400 method not allowed", "{broken"}),
    [](const auto& info) { return std::string(info.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Bodies, KeysRoutes,
    testing::Values(
        Case{"PostEmpty", "POST", "/sign" + kV, "400 missing request body"},
        Case{"PostEmptyWithType", "POST", "/sign" + kV, "400 missing request body", "", kJson},
        Case{"DeleteEmpty", "DELETE", "/key" + kV, "400 missing request body"},
        Case{"OtherContentType", "POST", "/sign" + kV, "400 missing request body", "{}", "text/plain"},
        Case{"OtherCaseOfJson", "POST", "/sign" + kV, "400 missing request body", "{}", "Application/JSON"},
        Case{"OtherContentTypeBrokenBody", "DELETE", "/key" + kV, "400 missing request body", "{broken",
             "text/plain"},
        Case{"NoContentType", "DELETE", "/key" + kV, "DeleteKey {\"keyHandle\":\"h\"}", kHandle},
        Case{"Charset", "DELETE", "/key" + kV, "DeleteKey {\"keyHandle\":\"h\"}", kHandle,
             " application/json ; charset=utf-8"},
        Case{"InvisibleContentType", "DELETE", "/key" + kV, "DeleteKey {\"keyHandle\":\"h\"}", kHandle,
             "\xFFtext"},
        Case{"EscapedSlashes", "DELETE", "/key" + kV, "DeleteKey {\"keyHandle\":\"a/b\"}",
             R"({"keyHandle":"a\/b"})"},
        Case{"UnknownMembers", "DELETE", "/keypair" + kV, "DeleteKeyPair {\"keyHandle\":\"h\"}",
             R"({"x":{"y":[1]},"keyHandle":"h"})", kJson},
        Case{"NoJson", "POST", "/sign" + kV, "422 not valid JSON at byte 2", "{broken", kJson},
        Case{"MissingMember", "POST", "/derivedkey/export" + kV, "422 missing member \"keyHandle\"", "{}",
             kJson},
        Case{"WrongType", "DELETE", "/key" + kV, "422 member \"keyHandle\": expected a string",
             "{\"keyHandle\":1}"},
        Case{"BadBase64", "POST", "/key" + kV, "422 member \"keyBytes\": expected padded base64",
             R"({"keyId":"k","usage":"sign","keyBytes":"AA"})"},
        Case{"Generate", "POST", "/key" + kV, R"(CreateKey {"keyId":"k","usage":"sign"})",
             R"({"keyId":"k","usage":"sign"})"},
        Case{"Import", "POST", "/key" + kV, R"(CreateKey {"keyId":"k","keyBytes":"AAE=","usage":"sign"})",
             R"({"usage":"sign","keyBytes":"AAE=","keyId":"k"})"},
        Case{"Move", "POST", "/keypair/b" + kV, R"(MoveKeyPair {"to":"b","from":"a"})", R"({"from":"a"})"},
        Case{"MoveIgnoresTheBodysTo", "POST", "/keypair/b" + kV, R"(MoveKeyPair {"to":"b","from":"a"})",
             R"({"to":7,"from":"a"})"},
        Case{"Parameter", "POST", "/parameters/ec-point" + kV,
             R"(GetParameter {"name":"ec-point","keyHandle":"h"})", kHandle},
        Case{"VerbMissingBodyFirst", "DELETE", "/sign" + kV, "422 not valid JSON at byte 2", "{broken"},
        Case{"VerbMissing", "DELETE", "/sign" + kV, "400 method not allowed", "{}"},
        Case{"VerbMissingEmpty", "DELETE", "/sign" + kV, "400 method not allowed"},
        Case{"PutMissingOtherType", "PUT", "/sign" + kV, "415 request body must be application/json", "{}",
             "text/plain"},
        Case{"PutMissingEmpty", "PUT", "/sign" + kV, "422 not valid JSON at byte 1"},
        Case{"PutMissing", "PUT", "/sign" + kV, "400 method not allowed", "{}", kJson}),
    [](const auto& info) { return std::string(info.param.name); });

class IdentityRoutes : public testing::TestWithParam<Case> {
 protected:
  Nobody nobody_;
  const Dispatcher dispatcher_ = IdentitiesDispatcher(nobody_);
  const RestApi api_{dispatcher_};
};
TEST_P(IdentityRoutes, Parse) { EXPECT_EQ(Outcome(api_, GetParam()), GetParam().expected); }

const std::string kFirst = "?api-version=2020-09-01";
const std::string kAnd = "&api-version=2020-09-01";

INSTANTIATE_TEST_SUITE_P(
    All, IdentityRoutes,
    testing::Values(
        Case{"Caller", "GET", "/identities/identity" + kFirst, "GetCallerIdentity {}"},
        Case{"Device", "POST", "/identities/device" + kFirst, R"(GetDeviceIdentity {"type":""})",
             R"({"type":""})"},
        Case{"DeviceWithoutBody", "POST", "/identities/device" + kFirst, "400 missing request body"},
        Case{"Reprovision", "POST", "/identities/device/reprovision" + kFirst, "ReprovisionDevice {}",
             R"({"type":"aziot"})", kJson},
        Case{"ReprovisionWithoutBody", "POST", "/identities/device/reprovision" + kFirst,
             "ReprovisionDevice {}"},
        Case{"ReprovisionAnyJson", "POST", "/identities/device/reprovision" + kFirst, "ReprovisionDevice {}",
             "[1]"},
        Case{"ReprovisionNoJson", "POST", "/identities/device/reprovision" + kFirst,
             "422 not valid JSON at byte 2", "{x"},
        Case{"List", "GET", "/identities/modules?type=aziot" + kAnd, R"(ListModules {"type":"aziot"})"},
        Case{"ListWithoutType", "GET", "/identities/modules" + kFirst, "ListModules {}"},
        Case{"FirstTypeWins", "GET", "/identities/modules/m?type=local&type=aziot" + kAnd,
             R"(GetModule {"id":"m","type":"local"})"},
        Case{"FormDecodedType", "GET", "/identities/modules/m?type=a+b%2B" + kAnd,
             R"(GetModule {"id":"m","type":"a b+"})"},
        Case{"BrokenUtf8Type", "GET", "/identities/modules/m?type=%FF" + kAnd,
             "400 parameter \"type\" has an invalid value\ncaused by: must be UTF-8"},
        Case{"RawDollar", "GET", "/identities/modules/$edgeAgent" + kFirst,
             R"(GetModule {"id":"$edgeAgent"})"},
        Case{"EncodedDollar", "GET", "/identities/modules/%24edgeAgent" + kFirst,
             R"(GetModule {"id":"$edgeAgent"})"},
        Case{"Create", "POST", "/identities/modules" + kFirst,
             R"(CreateModule {"type":"local","moduleId":"m","localIdOpts":{"type":"x509"}})",
             R"({"type":"local","moduleId":"m","localIdOpts":{"type":"x509"}})"},
        Case{"Update", "PUT", "/identities/modules/m?type=aziot" + kAnd,
             R"(UpdateModule {"id":"m","type":"aziot"})", R"({"type":"other","moduleId":"other"})", kJson},
        Case{"UpdateAnyJson", "PUT", "/identities/modules/m" + kFirst, R"(UpdateModule {"id":"m"})", "null"},
        Case{"UpdateEmpty", "PUT", "/identities/modules/m" + kFirst, "422 not valid JSON at byte 1"},
        Case{"UpdateOtherType", "PUT", "/identities/modules/m" + kFirst,
             "415 request body must be application/json", "{}", "text/plain"},
        Case{"Delete", "DELETE", "/identities/modules/m?type=aziot" + kAnd,
             R"(DeleteModule {"id":"m","type":"aziot"})"},
        Case{"DeleteNoJson", "DELETE", "/identities/modules/m" + kFirst, "422 not valid JSON at byte 2",
             "{x"},
        Case{"ProvisioningTooOld", "GET", "/identities/provisioning" + kFirst, "404 not found"},
        Case{"ProvisioningTooOldBeforeVerb", "BREW", "/identities/provisioning" + kFirst, "404 not found"},
        Case{"ProvisioningSince", "GET", "/identities/provisioning?api-version=2021-12-01",
             "GetProvisioningInfo {}"},
        Case{"ProvisioningLater", "GET", "/identities/provisioning?api-version=2022-08-01",
             "GetProvisioningInfo {}"},
        Case{"StatusOnlyInOurs", "GET", "/status?api-version=2022-08-01", "404 not found"},
        Case{"Status", "GET", "/status?api-version=2026-12-01", "GetStatus {}"},
        Case{"TrustBundle", "GET", "/trust-bundle" + kFirst, "GetTrustBundle {}"},
        Case{"VersionOfAnotherService", "GET", "/trust-bundle?api-version=2021-05-01",
             "400 invalid api-version \"2021-05-01\""}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(RestApiTest, RoutesWithoutHandlerDoNotExist) {
  Nobody nobody;
  Dispatcher dispatcher;
  nobody.Serve<certs::CertificateId, certs::Certificate>(dispatcher,
                                                         "aziot.certificates.v1.Certificates.GetCertificate");
  const RestApi api(dispatcher);
  const Case get{"", "GET", "/certificates/c?api-version=2020-09-01", ""};
  EXPECT_EQ(Outcome(api, get), "GetCertificate {\"id\":\"c\"}");
  const Case create{"", "POST", "/certificates?api-version=2020-09-01", ""};
  EXPECT_EQ(Outcome(api, create), "404 not found");
}

TEST(RestApiTest, TwoServicesShareASocketButNotTheirVersions) {
  Nobody nobody;
  Dispatcher dispatcher;
  nobody.Serve<keys::GetKeyRequest, keys::KeyHandle>(dispatcher, "aziot.keys.v1.Keys.GetKey");
  nobody.Serve<ids::GetTrustBundleRequest, ids::TrustBundle>(dispatcher,
                                                             "aziot.identity.v1.Identities.GetTrustBundle");
  const RestApi api(dispatcher);
  EXPECT_EQ(Outcome(api, {"", "GET", "/trust-bundle?api-version=2022-08-01", ""}), "GetTrustBundle {}");
  EXPECT_EQ(Outcome(api, {"", "GET", "/trust-bundle?api-version=2021-05-01", ""}), "404 not found");
}

TEST(RestApiTest, AnswersCarryTheSuccessCodeOfTheirRule) {
  certs::Certificate certificate;
  certificate.set_pem("-----BEGIN");
  const http::Response created = RestApi::FormatReply({.success = 201}, certificate);
  EXPECT_EQ(http::FormatResponse(created, true),
            "HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: "
            "20\r\n\r\n{\"pem\":\"-----BEGIN\"}");
  const http::Response done = RestApi::FormatReply({.success = 204}, certs::Done());
  EXPECT_EQ(http::FormatResponse(done, true), "HTTP/1.1 204 No Content\r\n\r\n");
}

TEST(RestApiTest, RulesGiveTheSuccessCode) {
  Nobody nobody;
  const Dispatcher dispatcher = KeysDispatcher(nobody);
  const RestApi api(dispatcher);
  EXPECT_EQ(api.Parse(RequestOf({"", "DELETE", "/key" + kV, "", kHandle}))->success, 204);
  EXPECT_EQ(api.Parse(RequestOf({"", "GET", "/key/a" + kV, ""}))->success, 200);
}

TEST(RestApiTest, ErrorsAreJsonWithTheirCauses) {
  const http::Response response = RestApi::FormatError(InvalidParameter("id", "\"x\"\nis odd"));
  EXPECT_EQ(http::FormatResponse(response, true),
            "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: 77\r\n\r\n"
            R"({"message":"parameter \"id\" has an invalid value\ncaused by: \"x\"\nis odd"})");
  EXPECT_EQ(RestApi::FormatError(absl::DataLossError("secret")).body, R"({"message":"internal error"})");
  EXPECT_EQ(RestApi::FormatError(absl::DataLossError("secret")).status, 500);
}

TEST(RestApiTest, AnEchoedVersionNeverBreaksTheJson) {
  Nobody nobody;
  const Dispatcher dispatcher = KeysDispatcher(nobody);
  const RestApi api(dispatcher);
  const auto call = api.Parse(RequestOf({"", "GET", "/key/a?api-version=%22%FF%0a", ""}));
  EXPECT_EQ(RestApi::FormatError(call.status()).body,
            "{\"message\":\"invalid api-version \\\"\\\"\xEF\xBF\xBD\\n\\\"\"}");
}

}  // namespace
}  // namespace aziot::rpc
