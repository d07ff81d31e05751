#include "identityd/modules/hub_client.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "common/https/answer_headers.h"
#include "common/testing/manual_clock.h"
#include "common/testing/status_matchers.h"

namespace aziot::identityd {
namespace {

using ::testing::HasSubstr;
using testing::IsOk;

class FixedAttestation final : public Attestation {
 public:
  absl::StatusOr<std::string> Authorization(const Credential&, absl::string_view resource, absl::string_view,
                                            absl::Duration) override {
    return std::string(resource);
  }
};

class HubClientTest : public ::testing::Test {
 protected:
  absl::StatusOr<http::Response> Send(https::Call call) {
    absl::StatusOr<http::Request> request = call.make(absl::Seconds(1));
    if (!request.ok()) return request.status();
    request_ = *request;
    return answer_;
  }
  void Answer(int status, absl::string_view body) {
    answer_ = http::Response{.status = status, .headers = {}, .body = std::string(body)};
    answer_->headers.Add("Content-Type", "Application/JSON; charset=utf-8");
  }
  void AnswerHeader(absl::string_view name, absl::string_view value) { answer_->headers.Add(name, value); }

  FixedAttestation attestation_;
  testing::ManualClock clock_;
  HubClient hub_{[this](https::Call call) { return Send(std::move(call)); }, attestation_, clock_};
  const DeviceIdentity device_{
      .hub_name = "Hub.example", .gateway_host = "parent:8443", .device_id = "dev=1", .credential = {}};
  http::Request request_;
  absl::StatusOr<http::Response> answer_ = http::Response{};
};

TEST_F(HubClientTest, ListGoesToTheGatewayAndSignsForTheHub) {
  Answer(200, R"([{"moduleId":"$edgeAgent","deviceId":"dev=1","generationId":"1","x":null},{"moduleId":null},
                  {"moduleId":"m","deviceId":"dev=1","authentication":{"type":"certificateAuthority"}}])");
  const auto modules = hub_.List(device_);
  ASSERT_THAT(modules, IsOk());
  EXPECT_EQ(modules->size(), 2u);
  EXPECT_EQ(request_.target, "https://parent:8443/devices/dev%3D1/modules?api-version=2017-11-08-preview");
  EXPECT_EQ(request_.headers.Get("authorization"), "Hub.example/devices/dev=1");
  EXPECT_EQ(request_.headers.Find("if-match"), nullptr);
}

TEST_F(HubClientTest, AnAnswerAboutAnotherModuleIsNone) {
  Answer(200, R"({"moduleId":"other","deviceId":"dev=1","generationId":"1"})");
  const absl::Status status = hub_.Get(device_, "m").status();
  EXPECT_EQ(ReasonOf(status), Reason::kOther);
  EXPECT_THAT(std::string(status.message()), HasSubstr("about module \"other\""));
}

TEST_F(HubClientTest, AnAnswerAboutAnotherDeviceIsNone) {
  Answer(200, R"({"moduleId":"m","deviceId":"other","generationId":"1"})");
  EXPECT_THAT(std::string(hub_.Get(device_, "m").status().message()), HasSubstr("about device \"other\""));
  Answer(200, R"([{"moduleId":"m","deviceId":"dev=1"},{"moduleId":"m2","deviceId":"other"}])");
  EXPECT_THAT(std::string(hub_.List(device_).status().message()), HasSubstr("names device \"other\""));
}

TEST_F(HubClientTest, ARefusedTokenTellsOfTheClock) {
  Answer(401, R"({"Message":"ErrorCode:IotHubUnauthorizedAccess;Unauthorized"})");
  AnswerHeader("Date", "Tue, 14 Nov 2023 21:13:20 GMT");
  const absl::Status status = hub_.Get(device_, "m").status();
  EXPECT_EQ(ReasonOf(status), Reason::kUnauthorized);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("the clock of this device is 1h ahead of the server's"));
}

TEST_F(HubClientTest, AWaitThatTheHubAsksForIsPassedOn) {
  for (const int status : {401, 403, 503}) {
    Answer(status, "");
    AnswerHeader("Retry-After", "120");
    EXPECT_EQ(https::RetryAfterOf(hub_.Get(device_, "m").status()), absl::Minutes(2)) << status;
    EXPECT_EQ(https::RetryAfterOf(hub_.Delete(device_, "m")), absl::Minutes(2)) << status;
  }
}

TEST_F(HubClientTest, AnotherApiVersionIsSentWhereItIsConfigured) {
  hub_.UseApiVersion("2021-04-12");
  Answer(200, "[]");
  ASSERT_THAT(hub_.List(device_), IsOk());
  EXPECT_EQ(request_.target, "https://parent:8443/devices/dev%3D1/modules?api-version=2021-04-12");
}

TEST_F(HubClientTest, AMessageWithoutEndIsCut) {
  Answer(403,
         absl::StrCat(R"({"Message":"ErrorCode:IotHubQuotaExceeded;)", std::string(1 << 20, 'x'), "\"}"));
  EXPECT_LT(hub_.Get(device_, "m").status().message().size(), 1000u);
}

TEST_F(HubClientTest, AListWithoutEndIsRefused) {
  std::string body = "[";
  for (int i = 0; i < 1001; ++i)
    absl::StrAppend(&body, i == 0 ? "" : ",", R"({"moduleId":"m","deviceId":"d"})");
  Answer(200, body + "]");
  EXPECT_THAT(std::string(hub_.List(device_).status().message()), HasSubstr("more than a device can have"));
}

TEST_F(HubClientTest, AListOfSomethingElseIsNotAnEmptyOne) {
  for (const char* body : {"[1,2]", R"([{"moduleId":null,"deviceId":"dev=1"}])", "{}", "null", "\"x\""}) {
    Answer(200, body);
    EXPECT_EQ(ReasonOf(hub_.List(device_).status()), Reason::kOther) << body;
    EXPECT_FALSE(hub_.List(device_).ok()) << body;
  }
  Answer(200, "[]");
  EXPECT_THAT(hub_.List(device_), IsOk());
}

TEST_F(HubClientTest, CreateHasNoIfMatch) {
  Answer(200, R"({"moduleId":"a/b","deviceId":"dev=1","generationId":"1"})");
  ASSERT_THAT(hub_.Create(device_, "a/b"), IsOk());
  EXPECT_EQ(request_.method, "PUT");
  EXPECT_THAT(request_.target, HasSubstr("/modules/a%2Fb?api-version="));
  EXPECT_EQ(request_.body, R"({"moduleId":"a/b","deviceId":"dev=1"})");
  EXPECT_EQ(request_.headers.Find("if-match"), nullptr);
}

TEST_F(HubClientTest, UpdateKeepsManagedByAndSendsTheEtag) {
  Answer(200, R"({"moduleId":"m","deviceId":"dev=1","generationId":"1"})");
  Module module{.module_id = "m",
                .device_id = "dev=1",
                .generation_id = "1",
                .managed_by = "IotEdge",
                .etag = "AA=",
                .keys_digest = {}};
  const ModuleKeyPair keys{Secret::Take(std::string("P==")), Secret::Take(std::string("S=="))};
  ASSERT_THAT(hub_.Update(device_, module, keys), IsOk());
  EXPECT_EQ(request_.body,
            R"({"moduleId":"m","managedBy":"IotEdge","deviceId":"dev=1","authentication":{"symmetricKey":)"
            R"({"primaryKey":"P==","secondaryKey":"S=="},"type":"sas"}})");
  EXPECT_EQ(request_.headers.Get("if-match"), "\"AA=\"");
  module.etag = "\"AA=\"";
  ASSERT_THAT(hub_.Update(device_, module, keys), IsOk());
  EXPECT_EQ(request_.headers.Get("if-match"), "\"AA=\"");
  module.etag.clear();
  ASSERT_THAT(hub_.Update(device_, module, keys), IsOk());
  EXPECT_EQ(request_.headers.Get("if-match"), "*");
}

TEST_F(HubClientTest, DeleteTakesOnly204) {
  Answer(204, "");
  EXPECT_THAT(hub_.Delete(device_, "m"), IsOk());
  EXPECT_EQ(request_.headers.Get("if-match"), "*");
  Answer(404, R"({"Message":"ErrorCode:ModuleNotFound;"})");
  const absl::Status status = hub_.Delete(device_, "m");
  EXPECT_EQ(status.message(), "unexpected HTTP status code: 404 Not Found");
  EXPECT_EQ(ReasonOf(status), Reason::kModuleGone);
}

struct ReasonCase {
  const char* name;
  int http_status;
  const char* body;
  Reason reason;
  const char* text;
};
class HubReasons : public HubClientTest, public ::testing::WithParamInterface<ReasonCase> {};

TEST_P(HubReasons, AreReadFromStatusAndBody) {
  Answer(GetParam().http_status, GetParam().body);
  const absl::Status status = hub_.Get(device_, "m").status();
  EXPECT_EQ(PartyOf(status), Party::kHub);
  EXPECT_EQ(ReasonOf(status), GetParam().reason);
  EXPECT_THAT(std::string(status.message()), HasSubstr(GetParam().text));
}
INSTANTIATE_TEST_SUITE_P(
    All, HubReasons,
    ::testing::Values(
        ReasonCase{"Module", 404, R"({"Message":"ErrorCode:ModuleNotFound;gone"})", Reason::kModuleGone,
                   "gone"},
        ReasonCase{"Device", 404, R"({"Message":"ErrorCode:DeviceNotFound;gone"})", Reason::kDeviceGone,
                   "gone"},
        ReasonCase{"ForeignNotFound", 404, "<html>", Reason::kOther, "HTTP error 404"},
        ReasonCase{"Bytes", 403, "a\n\xff\x1b[31m", Reason::kOther, "HTTP error 403: a ??[31m"},
        ReasonCase{"Key", 401, R"({"Message":"ErrorCode:IotHubUnauthorizedAccess;"})", Reason::kUnauthorized,
                   ""},
        ReasonCase{"Parent401", 401, "", Reason::kUnauthorized, "HTTP error 401"},
        ReasonCase{"Exists", 409, R"({"Message":"ErrorCode:ModuleAlreadyExistsOnDevice;"})",
                   Reason::kModuleExists, ""},
        ReasonCase{"Etag", 412, R"({"Message":"x"})", Reason::kChanged, "x"},
        ReasonCase{"Quota", 403, R"({"Message":"ErrorCode:IotHubQuotaExceeded;"})", Reason::kOther, "Quota"},
        ReasonCase{"Parent500", 500, R"({"errorMessage":"upstream"})", Reason::kNetwork, "upstream"},
        ReasonCase{"Gateway", 503, "", Reason::kNetwork, "HTTP error 503"},
        ReasonCase{"NetworkError", 400, R"({"errorMessage":"x","networkError":true})", Reason::kNetwork, "x"},
        ReasonCase{"Throttled", 429, "", Reason::kThrottled, "HTTP error 429"},
        ReasonCase{"Redirect", 302, "", Reason::kOther, "Expected one of [200], got 302"},
        ReasonCase{"Garbage", 200, "garbage", Reason::kOther, "moduleId"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST_F(HubClientTest, AHubThatIsAwayIsNetwork) {
  answer_ = https::WithFailureKind(absl::UnavailableError("connect"), https::FailureKind::kNetwork);
  EXPECT_EQ(ReasonOf(hub_.List(device_).status()), Reason::kNetwork);
  answer_ = https::WithFailureKind(absl::InternalError("cut"), https::FailureKind::kOther);
  EXPECT_EQ(ReasonOf(hub_.List(device_).status()), Reason::kOther);
}

}  // namespace
}  // namespace aziot::identityd
