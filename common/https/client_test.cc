// Requests over plain HTTP: what is sent, what counts as an answer, what is tried again, and how it ends.
#include "common/https/client.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cctype>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/https/answer_headers.h"
#include "common/https/fake_server.h"
#include "common/https/jumping_clock.h"
#include "common/log/request_id.h"
#include "common/status/errno_status.h"
#include "common/testing/manual_clock.h"
#include "common/testing/status_matchers.h"

namespace aziot::https {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;
using testing::StatusIs;

Call Get(std::string url) {
  Call call;
  call.make = [url = std::move(url)](absl::Duration) -> absl::StatusOr<http::Request> {
    return http::Request{.method = "GET", .target = url};
  };
  return call;
}

FakeServer::Answer Always(std::string bytes, Reply::Then then = Reply::Then::kKeep) {
  return [bytes = std::move(bytes), then](const std::string&) { return Reply{bytes, then}; };
}

// A loopback port that is taken and listens to nobody.
class DeadPort {
 public:
  DeadPort() : descriptor_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(descriptor_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(getsockname(descriptor_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
  }
  ~DeadPort() { close(descriptor_); }
  std::string Url() const { return absl::StrCat("http://127.0.0.1:", port_, "/"); }

 private:
  int descriptor_;
  int port_;
};

// The request's id when it is a UUID in its usual form, else "".
std::string RequestId(const std::string& request) {
  constexpr absl::string_view kName = "\r\nx-ms-client-request-id: ";
  constexpr absl::string_view kShape = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  const size_t begin = request.find(kName.data(), 0, kName.size());
  if (begin == std::string::npos) return "";
  const std::string id = request.substr(begin + kName.size(), kShape.size());
  std::string shape = id;
  for (char& c : shape) {
    if (std::isdigit(static_cast<unsigned char>(c)) || (c >= 'a' && c <= 'f')) c = 'x';
  }
  const bool ends = request.compare(begin + kName.size() + kShape.size(), 2, "\r\n") == 0;
  return ends && shape == kShape ? id : "";
}

class HttpsClient : public ::testing::Test {
 protected:
  JumpingClock clock_;
  Client client_{Options{}, clock_};
};

TEST_F(HttpsClient, SendsWhatItWasGivenAndReturnsTheAnswer) {
  FakeServer server(Always("HTTP/1.1 100 Continue\r\nInterim: 1\r\n\r\n" +
                           FormatReply("201 Created", "X-One:  a b \r\nEmpty:\r\n", "{\"a\":1}")));
  Call call;
  call.make = [&](absl::Duration life) -> absl::StatusOr<http::Request> {
    EXPECT_EQ(life, absl::Seconds(70));
    http::Request request{.method = "PUT", .target = server.Url("/a%20b?api-version=1")};
    request.headers.Add("Content-Type", "application/json");
    request.headers.Add("Authorization", "SharedAccessSignature sr=x&sig=y%3d");
    request.headers.Add("X-Empty", "");
    request.body = "{}";
    return request;
  };
  const auto response = client_.Send(std::move(call));
  ASSERT_THAT(response, testing::IsOk());
  EXPECT_EQ(response->status, 201);
  EXPECT_EQ(response->body, "{\"a\":1}");
  EXPECT_EQ(response->headers.Get("x-one"), "a b");
  EXPECT_EQ(response->headers.Find("interim"), nullptr);
  EXPECT_NE(response->headers.Find("empty"), nullptr);

  ASSERT_THAT(server.requests(), SizeIs(1));
  const std::string request = server.requests()[0];
  EXPECT_THAT(request, StartsWith("PUT /a%20b?api-version=1 HTTP/1.1\r\n"));
  EXPECT_THAT(request, HasSubstr(absl::StrCat("\r\nHost: localhost:", server.port(), "\r\n")));
  EXPECT_THAT(request, HasSubstr("\r\nContent-Type: application/json\r\n"));
  EXPECT_THAT(request, HasSubstr("\r\nAuthorization: SharedAccessSignature sr=x&sig=y%3d\r\n"));
  EXPECT_THAT(request, HasSubstr("\r\nX-Empty:\r\n"));
  EXPECT_THAT(request, HasSubstr("\r\nUser-Agent: aziot-identity-service/" AZIOT_VERSION "\r\n"));
  EXPECT_THAT(request, Not(HasSubstr("\r\nAccept")));
  EXPECT_THAT(request, Not(HasSubstr("\r\nExpect")));
  EXPECT_THAT(request, ::testing::EndsWith("\r\n\r\n{}"));
  EXPECT_NE(RequestId(request), "") << request;
}

TEST_F(HttpsClient, PassesOnTheIdOfTheRequestThatItWorksFor) {
  FakeServer server(Always(FormatReply("200 OK")));
  {
    const log::RequestIdScope scope("caller-1");
    ASSERT_THAT(client_.Send(Get(server.Url("/"))), testing::IsOk());
  }
  ASSERT_THAT(client_.Send(Get(server.Url("/"))), testing::IsOk());
  EXPECT_THAT(server.requests()[0], HasSubstr("\r\nx-ms-client-request-id: caller-1\r\n"));
  EXPECT_NE(RequestId(server.requests()[1]), "");
}

TEST_F(HttpsClient, SendsEveryMethod) {
  FakeServer server(Always(FormatReply("200 OK")));
  for (const char* method : {"GET", "DELETE", "POST", "PATCH"}) {
    Call call;
    call.make = [&](absl::Duration) -> absl::StatusOr<http::Request> {
      return http::Request{.method = method, .target = server.Url("/")};
    };
    ASSERT_THAT(client_.Send(std::move(call)), testing::IsOk());
    EXPECT_THAT(server.requests().back(), StartsWith(absl::StrCat(method, " / HTTP/1.1\r\n")));
    EXPECT_EQ(absl::StrContains(server.requests().back(), "\r\nContent-Length: 0\r\n"), *method == 'P');
    EXPECT_THAT(server.requests().back(), Not(HasSubstr("\r\nContent-Type")));
  }
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(HttpsClient, AnyOtherStatusIsAnAnswer) {
  for (const char* status : {"404 Not Found", "500 Internal Server Error", "503 Service Unavailable"}) {
    FakeServer server(Always(FormatReply(status, "Retry-After: 1\r\n", "why")));
    const auto response = client_.Send(Get(server.Url("/")));
    ASSERT_THAT(response, testing::IsOk());
    EXPECT_EQ(absl::StrCat(response->status), std::string(status, 3));
    EXPECT_EQ(response->body, "why");
    EXPECT_THAT(server.requests(), SizeIs(1));
  }
  EXPECT_THAT(clock_.waits(), IsEmpty());
}

TEST_F(HttpsClient, FollowsNoRedirect) {
  FakeServer server(Always(FormatReply("302 Found", "Location: /elsewhere\r\n")));
  const auto response = client_.Send(Get(server.Url("/")));
  ASSERT_THAT(response, testing::IsOk());
  EXPECT_EQ(response->status, 302);
  EXPECT_THAT(server.requests(), SizeIs(1));
}

TEST_F(HttpsClient, WaitsAsLongAsAThrottlingServerSays) {
  std::vector<std::string> after = {"7", "0", "100000", "Tue, 14 Nov 2023 22:30:00 GMT"};
  FakeServer server([&](const std::string&) {
    if (after.empty()) return Reply{FormatReply("200 OK")};
    const std::string header = absl::StrCat("Retry-After: ", after.front(), "\r\n");
    after.erase(after.begin());
    return Reply{FormatReply("429 Too Many Requests", header)};
  });
  int made = 0;
  Call call = Get("");
  call.make = [&](absl::Duration) -> absl::StatusOr<http::Request> {
    return http::Request{.method = "GET", .target = server.Url(absl::StrCat("/", ++made))};
  };
  const auto response = client_.Send(std::move(call));
  ASSERT_THAT(response, testing::IsOk());
  EXPECT_EQ(response->status, 200);

  const std::vector<absl::Duration> waits = clock_.waits();
  ASSERT_THAT(waits, SizeIs(4));
  EXPECT_GE(waits[0], absl::Seconds(7));
  EXPECT_LE(waits[0], absl::Seconds(7.7));
  EXPECT_GE(waits[1], absl::Seconds(1));
  EXPECT_LE(waits[1], absl::Seconds(1.1));
  EXPECT_EQ(waits[2], absl::Minutes(10));
  const absl::Duration left =
      absl::FromUnixSeconds(1700001000) - absl::FromUnixSeconds(1700000000) - waits[0] - waits[1] - waits[2];
  EXPECT_GE(waits[3], left);
  EXPECT_LE(waits[3], left * 1.1);

  ASSERT_THAT(server.requests(), SizeIs(5));
  EXPECT_THAT(server.requests()[4], StartsWith("GET /5 "));  // made anew
  EXPECT_NE(RequestId(server.requests()[0]), RequestId(server.requests()[1]));
}

TEST_F(HttpsClient, GivesUpAfterTheFifthThrottling) {
  FakeServer server(Always(FormatReply("429 Too Many Requests")));
  Call call = Get(server.Url("/"));
  call.retry = false;  // throttling is waited out all the same
  const auto response = client_.Send(std::move(call));
  EXPECT_THAT(response, StatusIs(absl::StatusCode::kResourceExhausted, "429: Too many requests"));
  EXPECT_EQ(FailureKindOf(response.status()), FailureKind::kOther);
  EXPECT_THAT(server.requests(), SizeIs(5));
  const std::vector<absl::Duration> waits = clock_.waits();
  ASSERT_THAT(waits, SizeIs(4));
  const int least[] = {60, 120, 180, 300}, most[] = {70, 140, 210, 330};
  for (int i = 0; i < 4; ++i) {
    EXPECT_GE(waits[i], absl::Seconds(least[i]));
    EXPECT_LT(waits[i], absl::Seconds(most[i]));
  }
}

TEST_F(HttpsClient, DoesNotWaitOutAServerPastTheCallersEnd) {
  FakeServer server(Always(FormatReply("429 Too Many Requests", "Retry-After: 300\r\n")));
  Call call = Get(server.Url("/"));
  call.until = clock_.Steady() + absl::Minutes(8);
  const auto response = client_.Send(std::move(call));
  EXPECT_THAT(response, StatusIs(absl::StatusCode::kResourceExhausted, "429: Too many requests"));
  EXPECT_THAT(server.requests(), SizeIs(2));
  EXPECT_GE(RetryAfterOf(response.status()), absl::Minutes(5));
  EXPECT_LE(clock_.Steady(), absl::Minutes(8));
}

TEST_F(HttpsClient, ATimeOutIsANetworkFailureAndTriedAgain) {
  FakeServer server(Always("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", Reply::Then::kHang));
  Call call = Get(server.Url("/path?secret=1"));
  call.timeout = absl::Milliseconds(200);
  const auto response = client_.Send(std::move(call));
  EXPECT_THAT(response, StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("(CURLE 28)")));
  EXPECT_THAT(std::string(response.status().message()),
              StartsWith(absl::StrCat("GET ", server.Url("/path"), ": ")));
  EXPECT_THAT(std::string(response.status().message()), Not(HasSubstr("secret")));
  EXPECT_EQ(FailureKindOf(response.status()), FailureKind::kNetwork);
  EXPECT_EQ(FailureKindOf(Annotate(response.status(), "asking the hub")), FailureKind::kNetwork);
  EXPECT_THAT(server.requests(), SizeIs(2));
  EXPECT_THAT(clock_.waits(), ElementsAre(absl::Seconds(3)));
}

TEST_F(HttpsClient, ARefusedConnectionIsANetworkFailure) {
  const DeadPort dead;
  Call call = Get(dead.Url());
  call.retry = false;
  const auto response = client_.Send(std::move(call));
  EXPECT_THAT(response, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(FailureKindOf(response.status()), FailureKind::kNetwork);
  EXPECT_THAT(clock_.waits(), IsEmpty());

  EXPECT_EQ(FailureKindOf(client_.Send(Get("http://no-such-host.invalid/")).status()), FailureKind::kNetwork);
}

TEST_F(HttpsClient, NewLimitsHoldForTheNextRequest) {
  const DeadPort dead;
  client_.SetLimits(absl::Seconds(100), 2);
  Call call = Get(dead.Url());
  absl::Duration least;
  call.make = [&, inner = std::move(call.make)](absl::Duration at_least) mutable {
    least = at_least;
    return inner(at_least);
  };
  EXPECT_FALSE(client_.Send(std::move(call)).ok());
  EXPECT_EQ(least, absl::Seconds(100));
  EXPECT_THAT(clock_.waits(), SizeIs(2));
}

TEST_F(HttpsClient, AConnectionLostLaterIsNoNetworkFailure) {
  for (const Reply::Then then : {Reply::Then::kReset, Reply::Then::kClose}) {
    for (const char* bytes : {"", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", "HTTP/1.1 200"}) {
      FakeServer server(Always(bytes, then));
      const auto response = client_.Send(Get(server.Url("/")));
      EXPECT_THAT(response, StatusIs(absl::StatusCode::kInternal));
      EXPECT_EQ(FailureKindOf(response.status()), FailureKind::kOther);
      EXPECT_THAT(server.requests(), SizeIs(2)) << "tried again";
    }
  }
}

TEST_F(HttpsClient, WhatIsNoHttpIsNoNetworkFailure) {
  FakeServer server(Always("SSH-2.0-OpenSSH\r\n", Reply::Then::kClose));
  const auto response = client_.Send(Get(server.Url("/")));
  EXPECT_THAT(response, StatusIs(absl::StatusCode::kInternal));
  EXPECT_EQ(FailureKindOf(response.status()), FailureKind::kOther);
}

TEST_F(HttpsClient, AnAnswerOverTheBoundIsRefusedOnce) {
  FakeServer server(Always(FormatReply("200 OK", "", std::string(5 << 20, 'x'))));
  EXPECT_THAT(client_.Send(Get(server.Url("/"))), StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_THAT(server.requests(), SizeIs(1));

  FakeServer within(Always(FormatReply("200 OK", "", std::string(4'000'000, 'x'))));
  EXPECT_THAT(client_.Send(Get(within.Url("/"))), testing::IsOk());
}

TEST_F(HttpsClient, RefusesWhatCannotBeSent) {
  FakeServer server(Always(FormatReply("200 OK")));
  for (const char* value : {"a\r\nb: c", "a\nb", "a\rb"}) {
    Call call;
    call.make = [&](absl::Duration) -> absl::StatusOr<http::Request> {
      http::Request request{.method = "GET", .target = server.Url("/")};
      request.headers.Add("X", value);
      return request;
    };
    EXPECT_THAT(client_.Send(std::move(call)), StatusIs(absl::StatusCode::kInvalidArgument));
  }
  EXPECT_THAT(client_.Send(Get("http://ho st/")), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_FALSE(client_.Send(Get("file:///etc/passwd")).ok());
  EXPECT_THAT(server.requests(), IsEmpty());

  Call call;
  call.make = [](absl::Duration) -> absl::StatusOr<http::Request> { return absl::NotFoundError("no key"); };
  EXPECT_THAT(client_.Send(std::move(call)), StatusIs(absl::StatusCode::kNotFound, "no key"));
}

TEST_F(HttpsClient, TheEnvironmentsProxyIsNotUsedUnasked) {
  const DeadPort dead;
  setenv("http_proxy", dead.Url().c_str(), 1);
  setenv("all_proxy", dead.Url().c_str(), 1);
  FakeServer server(Always(FormatReply("200 OK")));
  EXPECT_THAT(client_.Send(Get(server.Url("/"))), testing::IsOk());
  unsetenv("http_proxy");
  unsetenv("all_proxy");
}

TEST_F(HttpsClient, CancelEndsARunningRequestAndAllLaterOnes) {
  FakeServer server(Always("", Reply::Then::kHang));
  absl::Status status;
  std::thread sender([&] { status = client_.Send(Get(server.Url("/"))).status(); });
  while (server.requests().empty()) std::this_thread::yield();
  client_.Cancel();
  sender.join();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(client_.Send(Get(server.Url("/"))), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(server.requests(), SizeIs(1));
}

TEST(HttpsClientWaits, CancelEndsAPause) {
  FakeServer server(Always(FormatReply("429 Too Many Requests")));
  testing::ManualClock clock;  // nobody moves it
  Client client(Options{}, clock);
  absl::Status status;
  std::thread sender([&] { status = client.Send(Get(server.Url("/"))).status(); });
  while (server.requests().empty()) std::this_thread::yield();
  client.Cancel();
  sender.join();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(HttpsClient, ManyThreadsShareOneClient) {
  FakeServer server([](const std::string& request) {
    return Reply{FormatReply("200 OK", "", request.substr(0, request.find(" HTTP")))};
  });
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        const std::string path = absl::StrCat("/", t, "/", i);
        const auto response = client_.Send(Get(server.Url(path)));
        ASSERT_THAT(response, testing::IsOk());
        EXPECT_EQ(response->body, "GET " + path);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

http::Response With(absl::string_view name, absl::string_view value) {
  http::Response response;
  response.headers.Add(name, value);
  return response;
}

TEST(AnswerHeaders, TellHowFarTheClockIsOff) {
  const absl::Time now = absl::FromUnixSeconds(1700000000);  // Tue, 14 Nov 2023 22:13:20 GMT
  EXPECT_EQ(ClockHint(With("Date", "Tue, 14 Nov 2023 20:11:20 GMT"), now),
            "the clock of this device is 2h2m ahead of the server's");
  EXPECT_EQ(ClockHint(With("date", " Tue, 14 Nov 2033 22:13:20 GMT "), now),
            "the clock of this device is 87672h behind the server's");
  EXPECT_EQ(ClockHint(With("Date", "Tue, 14 Nov 2023 22:12:40 GMT"), now), "");
  for (const char* date : {"", "yesterday", "Tue, 99 Nov 2023 22:12:40 GMT", "9999999999999999999999"}) {
    EXPECT_EQ(ClockHint(With("Date", date), now), "") << date;
  }
}

TEST(AnswerHeaders, WaitsAreBoundedWhateverTheyAre) {
  const absl::Time now = absl::FromUnixSeconds(1700000000);
  EXPECT_EQ(RetryAfter(With("Retry-After", "4294967295"), now), absl::Minutes(10));
  EXPECT_EQ(RetryAfter(With("Retry-After", "Tue, 14 Nov 1023 22:12:40 GMT"), now), absl::Seconds(1));
  EXPECT_EQ(RetryAfter(With("Retry-After", "Fri, 14 Nov 9999 22:12:40 GMT"), now), absl::Minutes(10));
  for (const char* text : {"", "-1", "soon", "4294967296", "1.5"}) {
    EXPECT_EQ(RetryAfter(With("Retry-After", text), now), std::nullopt) << text;
  }
  EXPECT_EQ(RetryAfterOf(WithRetryAfter(absl::UnknownError("x"), absl::Seconds(7))), absl::Seconds(7));
  EXPECT_EQ(RetryAfterOf(WithRetryAfter(absl::UnknownError("x"), std::nullopt)), absl::ZeroDuration());
}

}  // namespace
}  // namespace aziot::https
