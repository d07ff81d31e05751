#include <gtest/gtest.h>

#include <deque>

#include "common/files/files.h"
#include "common/https/answer_headers.h"
#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"
#include "identityd/attestation/failure.h"
#include "identityd/attestation/symmetric_key/symmetric_key.h"
#include "identityd/attestation/testing/fake_key_service.h"
#include "identityd/provisioning/sources.h"

namespace aziot::identityd {
namespace {

using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;

// Waiting takes no time, and moves the clock.
class SkippingClock final : public Clock {
 public:
  absl::Time Now() const override { return now_ + steady_; }
  absl::Duration Steady() const override { return steady_; }
  void WaitUntil(std::condition_variable&, std::unique_lock<std::mutex>&, absl::Duration until) override {
    steady_ = std::max(steady_, until);
    now_ += std::exchange(step_, absl::ZeroDuration());
  }
  // As NTP sets the wall clock.
  void StepAtNextWait(absl::Duration by) { step_ = by; }

 private:
  absl::Time now_ = absl::FromUnixSeconds(1700000000);
  absl::Duration steady_ = absl::ZeroDuration();
  absl::Duration step_ = absl::ZeroDuration();
};

constexpr char kAssigning[] = R"({"operationId":"5.d0a6","status":"assigning"})";
constexpr char kAssigned[] =
    R"({"operationId":"5.d0a6","status":"assigned","extra":1,"registrationState":{"registrationId":"r1",
        "assignedHub":"h.example","deviceId":"dev1","substatus":"initialAssignment","payload":{"a":[1]}}})";

class DpsTest : public ::testing::Test {
 protected:
  DpsTest() {
    keys_.Put("device-id", FakeKeyService::CountingKey());
    config_.set_source("dps");
    config_.set_global_endpoint("https://dps.example");
    config_.set_scope_id("0ne00ABCDEF");
    config_.mutable_attestation()->set_method("symmetric_key");
    config_.mutable_attestation()->mutable_registration_id()->set_cn("r1");
    config_.mutable_attestation()->set_symmetric_key("device-id");
  }

  absl::StatusOr<std::shared_ptr<ProvisioningSource>> Source() {
    return NewSource(config_, {.attestation = attestation_,
                               .send = [this](https::Call call) { return Send(std::move(call)); },
                               .clock = clock_});
  }
  absl::StatusOr<Assignment> Provision() { return (*Source())->Provision(); }

  absl::StatusOr<http::Response> Send(https::Call call) {
    absl::StatusOr<http::Request> request = call.make(absl::Seconds(1));
    if (!request.ok()) return request.status();
    requests_.push_back(*request);
    until_ = call.until;
    if (answers_.empty())
      return https::WithFailureKind(absl::UnavailableError("dead"), https::FailureKind::kNetwork);
    absl::StatusOr<http::Response> answer = std::move(answers_.front());
    answers_.pop_front();
    return answer;
  }
  void Answer(int status, absl::string_view body, absl::string_view retry_after = "") {
    http::Response response{.status = status, .headers = {}, .body = std::string(body)};
    if (!retry_after.empty()) response.headers.Add("Retry-After", retry_after);
    answers_.push_back(std::move(response));
  }

  static int64_t ExpiryOf(const http::Request& request) {
    const std::string token(request.headers.Get("authorization"));
    return std::stoll(token.substr(token.find("&se=") + 4));
  }

  FakeKeyService keys_;
  SkippingClock clock_;
  SymmetricKeyAttestation attestation_{keys_, clock_};
  config::v1::Provisioning config_;
  std::vector<http::Request> requests_;
  absl::Duration until_;
  std::deque<absl::StatusOr<http::Response>> answers_;
};

TEST_F(DpsTest, RegistersAndPollsUntilAssigned) {
  Answer(202, kAssigning, "3");
  Answer(202, kAssigning, "100000");
  Answer(200, R"({"operationId":"5.d0a6","status":"unassigned"})");
  Answer(200, kAssigned);
  const absl::StatusOr<Assignment> assignment = Provision();
  ASSERT_THAT(assignment, IsOk());
  EXPECT_EQ(assignment->device.hub_name, "h.example");
  EXPECT_EQ(assignment->device.gateway_host, "h.example");
  EXPECT_EQ(assignment->device.device_id, "dev1");
  EXPECT_EQ(assignment->device.credential.key_id, "device-id");
  ASSERT_EQ(requests_.size(), 4u);
  EXPECT_EQ(requests_[0].method, "PUT");
  EXPECT_EQ(requests_[0].target,
            "https://dps.example/0ne00ABCDEF/registrations/r1/register?api-version=2021-06-01");
  EXPECT_EQ(requests_[0].body, R"({"registrationId":"r1"})");
  EXPECT_EQ(requests_[1].method, "GET");
  EXPECT_EQ(requests_[1].target,
            "https://dps.example/0ne00ABCDEF/registrations/r1/operations/5.d0a6?api-version=2021-06-01");
  // Retry-After was followed, and bounded to a minute.
  EXPECT_EQ(clock_.Steady(), absl::Seconds(3 + 60 + 5));
  // Each request has a token of its own.
  EXPECT_NE(requests_[1].headers.Get("authorization"), requests_[2].headers.Get("authorization"));
}

TEST_F(DpsTest, TakesAnImmediateAssignment) {
  Answer(200, kAssigned);
  EXPECT_THAT(Provision(), IsOk());
  EXPECT_EQ(requests_.size(), 1u);
}

TEST_F(DpsTest, KeepsTheTrustBundle) {
  Answer(200, R"({"status":"assigned","registrationState":{"assignedHub":"h","deviceId":"d","trustBundle":
      {"certificates":[{"certificate":"one\n"},{"metadata":{}},{"certificate":"two"}]}}})");
  const absl::StatusOr<Assignment> assignment = Provision();
  ASSERT_THAT(assignment, IsOk());
  EXPECT_EQ(assignment->trust_bundle, "one\ntwo\n");
}

TEST_F(DpsTest, KeepsWhatCameWithTheAssignment) {
  Answer(200, kAssigned);
  const absl::StatusOr<Assignment> assignment = Provision();
  ASSERT_THAT(assignment, IsOk());
  EXPECT_EQ(assignment->payload, R"({"a":[1]})");
  EXPECT_EQ(assignment->substatus, "initialAssignment");
  Answer(200,
         R"({"status":"assigned","registrationState":{"assignedHub":"h","deviceId":"d","payload":null}})");
  EXPECT_EQ(Provision()->payload, "");
  Answer(200, absl::StrCat(R"({"status":"assigned","registrationState":{"assignedHub":"h","deviceId":"d",)",
                           R"("payload":")", std::string(1 << 20, 'x'), "\"}}"));
  EXPECT_EQ(Provision()->payload, "");
}

TEST_F(DpsTest, ADeeplyNestedAnswerIsNone) {
  const std::string deep(100'000, '[');
  Answer(200, absl::StrCat(R"({"status":"assigned","registrationState":{"assignedHub":"h","deviceId":"d",)"
                           R"("payload":)",
                           deep, std::string(100'000, ']'), "}}"));
  EXPECT_THAT(std::string(Provision().status().message()), HasSubstr("no JSON object"));
}

TEST_F(DpsTest, AServiceThatIsBusySaysWhenToComeBack) {
  Answer(503, "", "20");
  Answer(200, kAssigned);
  ASSERT_THAT(Provision(), IsOk());
  EXPECT_EQ(clock_.Steady(), absl::Seconds(20));
  // A long pause is the next attempt's.
  Answer(503, "", "300");
  const absl::Status status = Provision().status();
  EXPECT_EQ(https::RetryAfterOf(status), absl::Minutes(5));
  EXPECT_EQ(clock_.Steady(), absl::Seconds(20));
  EXPECT_EQ(requests_.size(), 3u);
}

TEST_F(DpsTest, AThrottledPollEndsTheAttempt) {
  Answer(202, kAssigning);
  answers_.push_back(
      https::WithRetryAfter(absl::ResourceExhaustedError("429: Too many requests"), absl::Minutes(8)));
  const absl::Status status = Provision().status();
  EXPECT_EQ(ReasonOf(status), Reason::kThrottled);
  EXPECT_EQ(https::RetryAfterOf(status), absl::Minutes(8));
  EXPECT_EQ(requests_.size(), 2u);
  EXPECT_EQ(until_, absl::Minutes(10)) << "throttling is not waited out past the attempt's end";
}

TEST_F(DpsTest, ARefusedTokenTellsOfTheClock) {
  Answer(401, R"({"errorCode":401002,"message":"Unauthorized"})");
  answers_.back()->headers.Add("Date", "Thu, 14 Nov 2024 22:13:20 GMT");
  const absl::Status status = Provision().status();
  EXPECT_EQ(ReasonOf(status), Reason::kUnauthorized);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("the clock of this device is 8784h behind the server's"));
}

// Whatever the wall clock does meanwhile, the wait is the same and the next token is good from then on.
TEST_F(DpsTest, AStepOfTheClockCostsNothing) {
  for (const absl::Duration step :
       {absl::Hours(24), -absl::Hours(24), absl::Hours(87'660), -absl::Hours(87'660)}) {
    SCOPED_TRACE(step);
    requests_.clear();
    const absl::Duration began = clock_.Steady();
    Answer(202, kAssigning, "3");
    clock_.StepAtNextWait(step);
    Answer(200, kAssigned);
    ASSERT_THAT(Provision(), IsOk());
    EXPECT_EQ(clock_.Steady() - began, absl::Seconds(3));
    EXPECT_EQ(ExpiryOf(requests_.back()), absl::ToUnixSeconds(clock_.Now() + absl::Minutes(5)));
  }
}

TEST_F(DpsTest, AnotherApiVersionIsSentWhereItIsConfigured) {
  config_.set_dps_api_version("2021-10-01");
  Answer(200, kAssigned);
  ASSERT_THAT(Provision(), IsOk());
  EXPECT_THAT(requests_[0].target, ::testing::EndsWith("/register?api-version=2021-10-01"));
}

TEST_F(DpsTest, SendsThePayloadSorted) {
  const testing::TempDir dir;
  ASSERT_THAT(files::Replace(dir.Join("payload"), "{ \"b\": 1,\n \"a\": [true] }", 0600), IsOk());
  config_.mutable_payload()->set_uri("file://" + dir.Join("payload"));
  Answer(200, kAssigned);
  ASSERT_THAT(Provision(), IsOk());
  EXPECT_EQ(requests_[0].body, R"({"registrationId":"r1","payload":{"a":[true],"b":1}})");
}

TEST_F(DpsTest, AnUnreadablePayloadIsAnInvalidArgument) {
  config_.mutable_payload()->set_uri("file:///nowhere/payload");
  EXPECT_THAT(Provision(), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_TRUE(requests_.empty());
}

TEST_F(DpsTest, TransientPollFailuresAreWaitedOut) {
  Answer(202, kAssigning);
  answers_.push_back(https::WithFailureKind(absl::UnavailableError("reset"), https::FailureKind::kNetwork));
  Answer(503, "");
  Answer(200, kAssigned);
  EXPECT_THAT(Provision(), IsOk());
}

TEST_F(DpsTest, BrokenPollsArePassedOver) {
  const auto broken = https::WithFailureKind(absl::InternalError("cut"), https::FailureKind::kOther);
  Answer(202, kAssigning);
  for (int i = 0; i < 2; ++i) answers_.push_back(broken);
  Answer(202, kAssigning);
  for (int i = 0; i < 2; ++i) answers_.push_back(broken);
  Answer(200, kAssigned);
  EXPECT_THAT(Provision(), IsOk());
  Answer(202, kAssigning);
  for (int i = 0; i < 3; ++i) answers_.push_back(broken);
  EXPECT_EQ(Provision().status().message(), "cut");
}

TEST_F(DpsTest, ADeadCloudIsANetworkFailure) {
  const absl::Status status = Provision().status();
  EXPECT_EQ(PartyOf(status), Party::kDps);
  EXPECT_EQ(ReasonOf(status), Reason::kNetwork);
}

TEST_F(DpsTest, AssigningForEverEndsAfterTenMinutesAsNetwork) {
  for (int i = 0; i < 1000; ++i) Answer(202, kAssigning);
  const absl::Status status = Provision().status();
  EXPECT_EQ(ReasonOf(status), Reason::kNetwork);
  EXPECT_LE(clock_.Steady(), absl::Minutes(10));
  EXPECT_GE(clock_.Steady(), absl::Minutes(9));
}

struct RefusalCase {
  const char* name;
  int http_status;
  const char* body;
  const char* text;
};
class DpsRefusals : public DpsTest, public ::testing::WithParamInterface<RefusalCase> {};

TEST_P(DpsRefusals, AreDpsErrorsWithTheirText) {
  for (int i = 0; i < 3; ++i) Answer(GetParam().http_status, GetParam().body);
  const absl::Status status = Provision().status();
  EXPECT_EQ(PartyOf(status), Party::kDps);
  EXPECT_NE(ReasonOf(status), Reason::kNetwork);
  EXPECT_THAT(std::string(status.message()), HasSubstr(GetParam().text));
}
INSTANTIATE_TEST_SUITE_P(
    All, DpsRefusals,
    ::testing::Values(
        RefusalCase{"Unauthorized", 401, R"({"errorCode":401002,"trackingId":"t","message":"Unauthorized"})",
                    "Unauthorized (error 401002)"},
        RefusalCase{"OtherSpelling", 404, R"({"code":"404201","errorMessage":"no such scope"})",
                    "no such scope"},
        RefusalCase{"Html", 403, "<html>no</html>", "HTTP 403 <html>no</html>"},
        RefusalCase{"Bytes", 403, "a\n\xff\x1b[31m", "HTTP 403 a ??[31m"},
        RefusalCase{"Service", 500, "", "HTTP 500"},
        RefusalCase{"Failed", 200,
                    R"({"status":"failed","registrationState":{"errorCode":400207,"errorMessage":"custom"}})",
                    "custom (error 400207)"},
        RefusalCase{"Disabled", 200, R"({"status":"disabled"})", "enrollment is disabled"},
        RefusalCase{"NoHub", 200, R"({"status":"assigned"})", "not to which hub"},
        RefusalCase{"NoHostName", 200,
                    R"({"status":"assigned","registrationState":{"assignedHub":"h/x?y","deviceId":"d"}})",
                    "no host name"},
        RefusalCase{"Garbage", 202, "garbage", "no JSON object"},
        RefusalCase{"NoOperation", 202, R"({"status":"assigning"})", "no operation"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST_F(DpsTest, IsNotForNestedDevices) {
  config_.set_local_gateway_hostname("parent");
  EXPECT_THAT(Provision(),
              StatusIs(absl::StatusCode::kUnimplemented, "DPS provisioning is not supported in nested mode"));
}

TEST_F(DpsTest, CancelEndsTheWait) {
  Answer(202, kAssigning);
  const auto source = *Source();
  source->Cancel();
  EXPECT_THAT(source->Provision(), StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(DpsTest, MethodsToComeSaySoWhenTheyAreTried) {
  for (const char* method : {"x509", "tpm"}) {
    config_.mutable_attestation()->set_method(method);
    ASSERT_THAT(Source(), IsOk());
    EXPECT_THAT(Provision(), StatusIs(absl::StatusCode::kUnimplemented,
                                      absl::StrCat("provisioning.attestation.method = \"", method,
                                                   "\" is not supported yet")));
  }
}

TEST_F(DpsTest, SettingsThatNothingCanMendAreRefused) {
  config_.clear_scope_id();
  EXPECT_THAT(Source(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("provisioning.scope_id")));
  config_.set_source("cloud");
  EXPECT_THAT(Source(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("provisioning.source")));
}

TEST_F(DpsTest, ManualNeedsNoNetwork) {
  config_.set_source("manual");
  config_.set_iothub_hostname("hub.example");
  config_.set_device_id("dev1");
  config_.mutable_authentication()->set_method("sas");
  config_.mutable_authentication()->set_device_id_pk("device-id");
  config_.set_local_gateway_hostname("parent");
  const absl::StatusOr<Assignment> assignment = Provision();
  ASSERT_THAT(assignment, IsOk());
  EXPECT_EQ(assignment->device.hub_name, "hub.example");
  EXPECT_EQ(assignment->device.gateway_host, "parent");
  EXPECT_TRUE(requests_.empty());
}

TEST_F(DpsTest, TheDescriptionNormalisesTheEndpoint) {
  const absl::StatusOr<ProvisioningDescription> description = Describe(config_);
  ASSERT_THAT(description, IsOk());
  EXPECT_EQ(description->endpoint, "https://dps.example/");
  EXPECT_EQ(description->payload, "null");
  config_.set_global_endpoint("HTTPS://Global.Example:443?x");
  EXPECT_EQ(Describe(config_)->endpoint, "https://global.example/?x");
  config_.set_global_endpoint("http://dps.example:8080/Path");
  EXPECT_EQ(Describe(config_)->endpoint, "http://dps.example:8080/Path");
  EXPECT_EQ(description->registration_id, "r1");
}

}  // namespace
}  // namespace aziot::identityd
