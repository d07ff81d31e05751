// A DPS and a hub that are dead, slow or lying: the device keeps the identity it has and says what is wrong,
// and is whole again when the cloud is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/integration/scripted_device.h"

namespace aziot::tests {
namespace {

using https::FormatReply;
using ::testing::HasSubstr;
using Line = ScriptedCloud::Line;
using Reply = ScriptedCloud::Reply;
using Service = ScriptedCloud::Service;

constexpr char kJson[] = "Content-Type: application/json\r\n";

struct Fault {
  const char* name;
  Reply reply;
  const char* text;  // of it the caller and the status are told
};

// What either service may do.
std::vector<Fault> Faults() {
  return {
      {"closes", {"", Reply::Then::kClose}, "Empty reply"},
      {"resets", {"", Reply::Then::kReset}, "https://localhost"},
      {"half an answer",
       {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"a\"", Reply::Then::kClose},
       "closed"},
      {"half a header", {"HTTP/1.1 200 OK\r\nContent-Le", Reply::Then::kClose}, ""},
      {"another protocol", {"SSH-2.0-OpenSSH_9.2\r\n", Reply::Then::kClose}, "HTTP/0.9"},
      {"bytes for JSON", {FormatReply("200 OK", kJson, "\x01\xff{{{")}, "JSON"},
      {"a sign-in page",
       {FormatReply("200 OK", "Content-Type: text/html\r\n", "<html>sign in</html>")},
       "JSON"},
      {"wrong types", {FormatReply("200 OK", kJson, R"([{"moduleId":1,"deviceId":[],"status":{}}])")}, ""},
      {"deep JSON", {FormatReply("200 OK", kJson, std::string(200'000, '['))}, "JSON"},
      {"a huge body", {FormatReply("200 OK", kJson, std::string(5 << 20, ' '))}, "larger than"},
      {"a long wait", {FormatReply("503 Service Unavailable", "Retry-After: 300\r\n")}, "503"},
      {"403", {FormatReply("403 Forbidden", kJson, R"({"Message":"quota","message":"quota"})")}, "quota"},
      {"401 with another clock",
       {FormatReply("401 Unauthorized", "Date: Tue, 14 Nov 2023 22:13:20 GMT\r\n")},
       "the clock of this device is"},
      {"404 of nobody", {FormatReply("404 Not Found", "", "<html>nginx</html>")}, "404"},
      {"a redirect", {FormatReply("302 Found", "Location: /stolen\r\n")}, "302"},
  };
}

class CloudFaults : public ::testing::Test {
 protected:
  void SetUp() override {
    device_.suite().StartKeyd();
    device_.suite().StartCertd();
  }
  void StartKnown() {
    device_.StartIdentityd();
    device_.AwaitReconciled();
    known_ = device_.KnownAs();
    ASSERT_THAT(known_, HasSubstr(" dev agent g1")) << device_.suite().identityd().Log();
  }
  // The device is the one it was, and the daemon says what is wrong.
  void ExpectKept(const http::Response& failed, const std::string& first_line, const std::string& text) {
    EXPECT_EQ(failed.status, 404) << failed.body;
    EXPECT_THAT(failed.body, HasSubstr(first_line));
    EXPECT_THAT(failed.body, HasSubstr(text));
    EXPECT_EQ(device_.KnownAs(), known_);
    EXPECT_EQ(device_.Device().status, 200);
    const nlohmann::json status = device_.Status();
    EXPECT_EQ(status.value("provisioning", ""), "provisioned");
    EXPECT_THAT(status.value("lastError", ""), HasSubstr(text));
    EXPECT_TRUE(device_.suite().identityd().Runs());
  }
  void ExpectWhole() {
    const http::Response healed = device_.Reprovision();
    EXPECT_EQ(healed.status, 204) << healed.body << device_.suite().identityd().Log();
    EXPECT_EQ(device_.KnownAs(), known_);
    EXPECT_EQ(device_.Sign(), ScriptedDevice::SignWith(cloud_.modules().at("agent").primary_key));
    EXPECT_EQ(cloud_.modules().size(), 1u);
  }

  ScriptedCloud cloud_;
  ScriptedDevice device_{cloud_};
  std::string known_;
};

TEST_F(CloudFaults, OfDpsCostNoIdentity) {
  StartKnown();
  std::vector<Fault> faults = Faults();
  faults.push_back({"throttled past the end",
                    {FormatReply("429 Too Many Requests", "Retry-After: 600\r\n")},
                    "429: Too many requests"});
  faults.push_back(
      {"no host name",
       {FormatReply("200 OK", kJson,
                    R"({"status":"assigned","registrationState":{"assignedHub":"h/?","deviceId":"d"}})")},
       "no host name"});
  faults.push_back({"disabled", {FormatReply("200 OK", kJson, R"({"status":"disabled"})")}, "disabled"});
  for (const Fault& fault : faults) {
    SCOPED_TRACE(fault.name);
    cloud_.Fault(Service::kDps, fault.reply);
    ExpectKept(device_.Reprovision(), "DPS client error", fault.text);
  }
  cloud_.Fault(Service::kDps, std::nullopt);
  ExpectWhole();
  for (const std::string& request : cloud_.requests(Service::kDps)) {
    EXPECT_THAT(request, ::testing::Not(HasSubstr("stolen")));
  }
}

TEST_F(CloudFaults, OfTheHubCostNoIdentity) {
  StartKnown();
  std::vector<Fault> faults = Faults();
  faults.push_back({"an etag that never fits",
                    {FormatReply("412 Precondition Failed", kJson, R"({"Message":"ErrorCode:412001;etag"})")},
                    "etag"});
  faults.push_back({"unknown device",
                    {FormatReply("404 Not Found", kJson, R"({"Message":"ErrorCode:DeviceNotFound;gone"})")},
                    "gone"});
  faults.push_back({"another device's modules",
                    {FormatReply("200 OK", kJson, R"([{"moduleId":"agent","deviceId":"other"}])")},
                    "names device"});
  for (const Fault& fault : faults) {
    SCOPED_TRACE(fault.name);
    cloud_.Fault(Service::kHub, fault.reply);
    ExpectKept(device_.Reprovision(), "Hub client error", fault.text);
    EXPECT_EQ(device_.Status().value("reconciliation", ""), "failed");
    // Nothing is made up for a module that nobody knows.
    EXPECT_EQ(device_.suite()
                  .Ask(0, "identityd", "GET", "/identities/modules/other?api-version=2020-09-01&type=aziot")
                  .status,
              404);
  }
  cloud_.Fault(Service::kHub, std::nullopt);
  ExpectWhole();
}

TEST_F(CloudFaults, OfTheLineCostNoIdentity) {
  StartKnown();
  for (const auto& [line, text] :
       {std::pair{Line::kOtherCa, "certificate"}, std::pair{Line::kExpired, "expired"},
        std::pair{Line::kNotTls, "SSL"}, std::pair{Line::kReset, "PUT https://localhost"}}) {
    SCOPED_TRACE(text);
    cloud_.Set(line);
    ExpectKept(device_.Reprovision(), "DPS client error", text);
  }
  cloud_.Set(Line::kUp);
  ExpectWhole();
  EXPECT_TRUE(cloud_.requests(Service::kDps).size() >= 2);
}

TEST_F(CloudFaults, OfNameAndProxyCostNoIdentity) {
  StartKnown();
  // Other provisioning settings: the device stays until the new ones have led to one.
  device_.WriteDropIn("dps.toml", "[provisioning]\nglobal_endpoint = \"https://no-such-host.invalid\"\n");
  EXPECT_TRUE(Eventually([&] {
    return device_.Status().value("lastError", "").find("no-such-host.invalid") != std::string::npos;
  })) << device_.suite().identityd().Log();
  ExpectKept(device_.Reprovision(), "DPS client error", "Could not resolve host");
  device_.WriteDropIn("dps.toml", "");
  device_.AwaitReconciled();

  device_.suite().identityd().Stop(SIGTERM);
  device_.StartIdentityd("http://user:secret@127.0.0.1:1");
  EXPECT_TRUE(Eventually([&] { return device_.KnownAs() == known_; })) << device_.suite().identityd().Log();
  ExpectKept(device_.Reprovision(), "DPS client error", "127.0.0.1 port 1");
  EXPECT_THAT(device_.suite().identityd().Log(), ::testing::Not(HasSubstr("secret")));
  device_.suite().identityd().Stop(SIGTERM);
  device_.StartIdentityd();
  device_.AwaitReconciled();
  ExpectWhole();
}

TEST_F(CloudFaults, AnswersDoNotWaitForACloudThatSaysNothing) {
  StartKnown();
  cloud_.Set(Line::kSilent);
  http::Response reprovisioned;
  std::thread waits([&] { reprovisioned = device_.Reprovision(); });
  EXPECT_TRUE(Eventually([&] {
    return device_.suite().identityd().Log().find("Provisioning starting. Reason: Api") != std::string::npos;
  }));
  // All these would hang with the cloud.
  EXPECT_EQ(device_.KnownAs(), known_);
  EXPECT_EQ(device_.Device().status, 200);
  EXPECT_EQ(device_.suite()
                .Ask(0, "identityd", "GET", "/identities/modules?api-version=2020-09-01&type=aziot")
                .status,
            200);
  EXPECT_EQ(device_.suite().Ask(0, "identityd", "GET", "/trust-bundle?api-version=2020-09-01").status, 200);
  EXPECT_EQ(device_.Identity(ScriptedDevice::kLocal).status, 200);
  EXPECT_EQ(device_.Status().value("provisioning", ""), "provisioned");
  cloud_.Set(Line::kReset);
  waits.join();
  EXPECT_EQ(reprovisioned.status, 404) << reprovisioned.body;
}

TEST_F(CloudFaults, ACallersRequestIdLeadsFromItsAnswerToTheHub) {
  StartKnown();
  http::Request request{.method = "GET",
                        .target = "/identities/modules/nope?api-version=2020-09-01&type=aziot"};
  request.headers.Add("X-MS-Client-Request-Id", "trace-77");
  const http::Response answer = device_.suite().Send(0, "identityd", request);
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.headers.Get("x-ms-client-request-id"), "trace-77");
  EXPECT_THAT(cloud_.requests(Service::kHub).back(), HasSubstr("\r\nx-ms-client-request-id: trace-77"));
  // What is no id is neither returned nor passed on, and who gave none gets none.
  for (const char* bad : {"two words", "", "a\x7f"}) {
    http::Request odd = request;
    odd.headers.Set("x-ms-client-request-id", bad);
    const http::Response ignored = device_.suite().Send(0, "identityd", odd);
    EXPECT_EQ(ignored.headers.Find("x-ms-client-request-id"), nullptr) << bad;
  }
}

TEST_F(CloudFaults, WhoWaitsForTheHubHoldsUpNobodyElse) {
  constexpr uid_t kEdge = 64032;
  constexpr int kAtATime = 10;
  device_.WriteDropIn("edge.toml", absl::StrCat("[[principal]]\nuid = ", kEdge, "\nname = \"edge\"\n"));
  StartKnown();
  cloud_.Set(Line::kSilent);
  std::vector<std::thread> waits;
  for (const uid_t uid : {uid_t{0}, kEdge}) {
    for (int i = 0; i < kAtATime; ++i) {
      waits.emplace_back([this, uid, i] {
        const std::string target =
            absl::StrCat("/identities/modules/m", uid, "-", i, "?api-version=2020-09-01&type=aziot");
        const http::Response answer = device_.suite().Ask(uid, "identityd", "GET", target);
        EXPECT_EQ(answer.status, 404) << answer.body;
      });
    }
  }
  // As many of them hang at the hub as a lane has threads; these ask certd and nobody.
  EXPECT_TRUE(Eventually([&] { return cloud_.connections() >= 16; }));
  EXPECT_EQ(device_.Identity(ScriptedDevice::kLocal).status, 200);
  EXPECT_EQ(device_.KnownAs(), known_);
  cloud_.Set(Line::kReset);
  for (std::thread& thread : waits) thread.join();
}

TEST_F(CloudFaults, AFirstStartWithoutACloudServesWhatNeedsNone) {
  cloud_.Set(Line::kSilent);
  device_.StartIdentityd();
  ASSERT_TRUE(Eventually([&] { return device_.Status().value("provisioning", "") == "provisioning"; }))
      << device_.suite().identityd().Log();
  EXPECT_EQ(device_.Identity(ScriptedDevice::kLocal).status, 200);
  EXPECT_EQ(
      device_.suite().Ask(0, "identityd", "GET", "/identities/provisioning?api-version=2021-12-01").status,
      200);
  EXPECT_FALSE(device_.suite().IsReady("identityd"));
  http::Response waited;
  std::thread waits([&] { waited = device_.Identity(); });
  cloud_.Set(Line::kUp);
  waits.join();
  // It waited for the attempt; when the break of the line ended that one, it was told so.
  EXPECT_TRUE(waited.status == 200 || waited.status == 404) << waited.body;
  device_.AwaitReconciled();
  EXPECT_THAT(device_.KnownAs(), HasSubstr(" dev agent g1"));
}

TEST_F(CloudFaults, StoppingWaitsForNobody) {
  StartKnown();
  cloud_.Set(Line::kSilent);
  device_.suite().identityd().Stop(SIGKILL);
  kill(device_.suite().keyd().pid(), SIGSTOP);
  device_.StartIdentityd();
  ASSERT_TRUE(Eventually([&] { return device_.Status().value("provisioning", "") == "provisioned"; }));
  // Handles are not known after the start: both hang at keyd.
  http::Response device, agent;
  std::thread device_waits([&] { device = device_.Device(); });
  std::thread agent_waits([&] { agent = device_.Identity(); });
  EXPECT_EQ(device_.Status().value("provisioning", ""), "provisioned");
  // Status 1 would mean that the daemon was cut off while calls still hung.
  EXPECT_EQ(device_.suite().identityd().Stop(SIGTERM), 0) << device_.suite().identityd().Log();
  device_waits.join();
  agent_waits.join();
  kill(device_.suite().keyd().pid(), SIGCONT);
  EXPECT_NE(device.status, 200);
  EXPECT_NE(agent.status, 200);
  // Nor did they wait until they gave keyd up by themselves.
  EXPECT_THAT(device_.suite().identityd().Log(), ::testing::Not(HasSubstr("keyd.sock in time")));
}

}  // namespace
}  // namespace aziot::tests
