// Checks that ask servers elsewhere: the clock and the latest version.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "aziotctl/checks/checks.h"
#include "aziotctl/checks/context.h"
#include "aziotctl/checks/loopback_for_test.h"
#include "aziotctl/checks/sntp.h"
#include "common/https/fake_server.h"
#include "common/testing/status_matchers.h"

namespace aziot::ctl {
namespace {

using ::testing::HasSubstr;
using Kind = Result::Kind;

// The answer of a server (RFC 4330) whose clock is `ahead` of this machine's.
std::string Answer(const std::string& request, absl::Duration ahead, uint8_t first = 0x24,
                   uint8_t stratum = 2) {
  std::string answer(48, '\0');
  answer[0] = static_cast<char>(first);
  answer[1] = static_cast<char>(stratum);
  answer.replace(24, 8, request.substr(40, 8));
  const timespec now = absl::ToTimespec(absl::Now() + ahead);
  const uint64_t seconds = static_cast<uint64_t>(now.tv_sec) + 2208988800u;
  for (const size_t at : {32, 40}) {
    for (size_t i = 0; i < 4; ++i) answer[at + i] = static_cast<char>(seconds >> (24 - 8 * i) & 0xFF);
    answer[at + 4] = static_cast<char>(static_cast<double>(now.tv_nsec) / 1e9 * 256);
  }
  return answer;
}

struct Clock {
  const char* name;
  absl::Duration ahead;
  Kind kind;
  int64_t offset;  // never negative
};
class HostLocalTimeTest : public ::testing::TestWithParam<Clock> {};
TEST_P(HostLocalTimeTest, ComparesWithTheServer) {
  UdpServer server([](const std::string& request) { return Answer(request, GetParam().ahead); });
  CheckContext context;
  context.ntp_server = server.Address();
  nlohmann::json info;
  const Result result = HostLocalTime(context, info);
  EXPECT_EQ(result.kind, GetParam().kind);
  // Half of what an answer is late looks like an offset.
  EXPECT_NEAR(info["offset"].get<double>(), GetParam().offset, 4);
}
INSTANTIATE_TEST_SUITE_P(All, HostLocalTimeTest,
                         ::testing::Values(Clock{"Equal", absl::ZeroDuration(), Kind::kOk, 0},
                                           Clock{"Behind", absl::Seconds(5), Kind::kOk, 5},
                                           Clock{"Ahead", absl::Seconds(-5), Kind::kOk, 5},
                                           Clock{"TooFarBehind", absl::Seconds(60), Kind::kWarning, 60},
                                           Clock{"TooFarAhead", absl::Seconds(-60), Kind::kWarning, 60},
                                           Clock{"Useless", absl::Seconds(310), Kind::kError, 310},
                                           Clock{"YearsAhead", absl::Hours(24 * 365 * 20), Kind::kError,
                                                 int64_t{3600} * 24 * 365 * 20}),
                         [](const auto& info) { return std::string(info.param.name); });

Result AskClock(const std::string& server, absl::Duration patience = absl::Seconds(20)) {
  CheckContext context;
  context.ntp_server = server;
  context.patience = patience;
  nlohmann::json info;
  return HostLocalTime(context, info);
}

TEST(HostLocalTime, NoServerIsAWarning) {
  EXPECT_EQ(AskClock("no-such-host.invalid:123").kind, Kind::kWarning);
  UdpServer silent([](const std::string&) { return ""; });
  EXPECT_EQ(AskClock(silent.Address(), absl::Milliseconds(50)).kind, Kind::kWarning);
}

TEST(HostLocalTime, ABadAnswerIsAnError) {
  UdpServer brief([](const std::string&) { return "x"; });
  EXPECT_EQ(AskClock(brief.Address()).kind, Kind::kError);
  UdpServer client([](const std::string& request) { return Answer(request, absl::ZeroDuration(), 0x23); });
  EXPECT_EQ(AskClock(client.Address()).kind, Kind::kError);
  UdpServer lost([](const std::string& request) { return Answer(request, absl::ZeroDuration(), 0xE4); });
  EXPECT_EQ(AskClock(lost.Address()).kind, Kind::kError);
  UdpServer kiss([](const std::string& request) { return Answer(request, absl::ZeroDuration(), 0x24, 0); });
  EXPECT_EQ(AskClock(kiss.Address()).kind, Kind::kError);
  EXPECT_EQ(AskClock("127.0.0.1:what").kind, Kind::kError);
}

TEST(Sntp, AnAnswerToAnotherRequestIsNotTaken) {
  UdpServer liar([](const std::string& request) {
    return Answer(std::string(40, '\0') + "guessed!" + request, absl::Hours(1));
  });
  EXPECT_THAT(ClockOffset(liar.Address(), absl::Milliseconds(50)),
              testing::StatusIs(absl::StatusCode::kDeadlineExceeded));
}

constexpr char kVersions[] = R"({"channels":[{"name":"stable","products":[
  {"id":"other","components":[{"name":"aziot-identity-service","version":"1.6.9"}]},
  {"id":"aziot-edge","version":"1.5.0","components":[
    {"name":"aziot-edge","version":"1.6.8"},
    {"name":"aziot-identity-service","version":"1.4.7"},
    {"name":"aziot-identity-service","version":"VERSION"}]}]}]})";

std::string Versions(const std::string& version) {
  std::string text = kVersions;
  return text.replace(text.find("VERSION"), 7, version);
}

class AziotVersionTest : public ::testing::Test {
 protected:
  Result Ask(const std::string& url) {
    context_.versions_url = url;
    return AziotVersion(context_, info_);
  }
  CheckContext context_;
  nlohmann::json info_ = {{"expected_version", nullptr}, {"actual_version", nullptr}};
};

TEST_F(AziotVersionTest, TheSwitchSparesTheQuestion) {
  context_.expected_version = AZIOT_VERSION;
  EXPECT_EQ(Ask("http://127.0.0.1:1/").kind, Kind::kOk);
  context_.expected_version = "1.6.99";
  EXPECT_EQ(Ask("http://127.0.0.1:1/").kind, Kind::kWarning);
  EXPECT_EQ(info_, (nlohmann::json{{"expected_version", "1.6.99"}, {"actual_version", AZIOT_VERSION}}));
}

TEST_F(AziotVersionTest, FollowsRedirectsToTheDocumentOfItsLine) {
  https::FakeServer server([](const std::string& request) {
    if (absl::StrContains(request, "GET /final "))
      return https::Reply{https::FormatReply("200 OK", "", Versions("1.6.77"))};
    return https::Reply{https::FormatReply("302 Found", "location: /final\r\n")};
  });
  EXPECT_EQ(Ask(server.Url("/latest")).kind, Kind::kWarning);
  EXPECT_EQ(info_["expected_version"], "1.6.77");
}

TEST_F(AziotVersionTest, TheLatestIsFine) {
  https::FakeServer server([](const std::string&) {
    return https::Reply{https::FormatReply("200 OK", "", Versions(AZIOT_VERSION))};
  });
  EXPECT_EQ(Ask(server.Url("/")).kind, Kind::kOk);
}

TEST_F(AziotVersionTest, ALoopOfRedirectsEnds) {
  https::FakeServer server([](const std::string&) {
    return https::Reply{https::FormatReply("301 Moved", "location: /again\r\n")};
  });
  EXPECT_EQ(Ask(server.Url("/")).kind, Kind::kError);
  EXPECT_LT(server.requests().size(), 10u);
}

TEST_F(AziotVersionTest, ADocumentWithoutTheVersionIsAnError) {
  for (const char* body : {"{}", "[1]", "not json", "{\"channels\":[{\"products\":7}]}"}) {
    https::FakeServer server(
        [&](const std::string&) { return https::Reply{https::FormatReply("200 OK", "", body)}; });
    EXPECT_EQ(Ask(server.Url("/")).kind, Kind::kError) << body;
  }
  https::FakeServer server(
      [](const std::string&) { return https::Reply{https::FormatReply("404 Not Found")}; });
  EXPECT_EQ(Ask(server.Url("/")).kind, Kind::kError);
}

TEST_F(AziotVersionTest, OfflineIsAWarningThatSaysWhatToDo) {
  const Result result = Ask("http://127.0.0.1:1/");
  EXPECT_EQ(result.kind, Kind::kWarning);
  EXPECT_THAT(result.details.front(), HasSubstr("--expected-aziot-version"));
  https::FakeServer silent([](const std::string&) { return https::Reply{"", https::Reply::Then::kHang}; });
  context_.patience = absl::Milliseconds(100);
  EXPECT_EQ(Ask(silent.Url("/")).kind, Kind::kWarning);
}

TEST_F(AziotVersionTest, ANestedDeviceDoesNotAsk) {
  context_.identityd.emplace().mutable_provisioning()->set_local_gateway_hostname("parent");
  EXPECT_EQ(Ask("http://127.0.0.1:1/").kind, Kind::kIgnored);
}

}  // namespace
}  // namespace aziot::ctl
